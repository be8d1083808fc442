// Five durable steps, and a run that waits for a person, as a Restate service. Listens on loopback; `/parked/KEY` says by which
// awakeable a parked run is let go on.
import * as restate from "@restatedev/restate-sdk";
import http from "node:http";
import http2 from "node:http2";

if (!Promise.withResolvers) {
  // The SDK wants Node 22; on 20 this is all that it lacks.
  Promise.withResolvers = () => {
    let resolve, reject;
    const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
    return { promise, resolve, reject };
  };
}

const parked = new Map();

const bench = restate.service({
  name: "bench",
  handlers: {
    five: async (context, input) => {
      let text = input.text;
      for (const step of ["1", "2", "3", "4", "5"]) {
        const before = text;
        text = await context.run(`step ${step}`, () => before + step);
      }
      return { size: text.length };
    },
    parked: async (context, input) => {
      const { id, promise } = context.awakeable();
      await context.run("tell", () => { parked.set(input.id, id); });
      await promise;
      const one = await context.run("one", () => input.text);
      const two = await context.run("two", () => one + "2");
      return { size: two.length };
    },
  },
});

http2.createServer(restate.createEndpointHandler({ services: [bench] })).listen(9480, "127.0.0.1");
http.createServer((request, response) => {
  const token = parked.get(request.url.replace("/parked/", ""));
  response.writeHead(token ? 200 : 404).end(token ?? "");
}).listen(9481, "127.0.0.1");
