// Preloaded into a gateway that has no option for it: whatever listens, listens on this machine alone.
const { Server } = require("net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (...given) {
  if (typeof given[0] === "object" && given[0] !== null && "port" in given[0]) given[0].host = "127.0.0.1";
  else if (typeof given[0] === "number") given.splice(1, typeof given[1] === "string" ? 1 : 0, "127.0.0.1");
  return listen.apply(this, given);
};
