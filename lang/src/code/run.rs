//! Codes: refusals at run time: repositories, inputs, stores, effects (TW05xx, TW06xx).

codes! {
    NO_REPOSITORY = "TW0501", Error, "there is no repository here";
    CANNOT_READ = "TW0502", Error, "a file or folder cannot be read";
    CANNOT_WRITE = "TW0503", Error, "a file or folder cannot be written";
    NOT_TEXT = "TW0504", Error, "a file is not UTF-8 text";
    UNKNOWN_CODE = "TW0505", Error, "there is no such diagnostic code";
    UNKNOWN_FLOW = "TW0506", Error, "there is no such flow";
    BAD_INPUT = "TW0507", Error, "an input does not fit its type";
    INPUT_CONFLICT = "TW0508", Error, "two inputs have one key";
    CONFIGURATION = "TW0509", Error, "the repository has mistakes";
    STORE_LOCKED = "TW0510", Error, "another process holds the store";
    STORE_NOT_WRITABLE = "TW0511", Error, "the store cannot be written";
    STORE_FULL = "TW0512", Error, "the disk is full";
    STORE_FENCED = "TW0513", Error, "another writer took the log";
    STORE_DAMAGED = "TW0514", Error, "the log cannot be read";
    STORE_NEWER = "TW0515", Error, "a newer version wrote the store";
    STORE_NOT_DURABLE = "TW0516", Error, "the store would lose what it acknowledged";
    STORE_FAILED = "TW0517", Error, "the store failed";
    TWIN_FAILED = "TW0520", Error, "the twin cannot be started";
    MODEL_FAILED = "TW0521", Error, "a model cannot be used";
    NOT_RUNNABLE = "TW0522", Error, "a flow that this version cannot run yet";
    SERVED = "TW0523", Error, "the repository is served already";
    RESTART_NEEDED = "TW0524", Error, "a change that needs a new process";
    NOT_FROZEN = "TW0525", Error, "nothing of that name is, or can be, frozen";
    UNKNOWN_PLAN = "TW0526", Error, "the log holds no such plan";
    NOT_LISTENING = "TW0527", Error, "HTTP cannot be served there";
    UNKNOWN_RUN = "TW0530", Error, "there is no such run";
    UNKNOWN_APPROVAL = "TW0531", Error, "nothing waits under that name";
    APPROVAL_REFUSED = "TW0532", Error, "this person or answer cannot decide";
    RUN_ENDED = "TW0533", Error, "the run has ended";
    UNKNOWN_EFFECT = "TW0537", Error, "there is no such effect";
    NOT_ALL_DONE = "TW0538", Error, "not everything was done";
    NOTHING_TO_DO = "TW0539", Error, "there is nothing to be done";
    LOG_BROKEN = "TW0540", Error, "the log's chain does not hold";
    LINK = "TW0541", Warning, "a link that is not followed";
    EVENT_REFUSED = "TW0545", Error, "an event was not taken";
    UNKNOWN_EVENT = "TW0546", Error, "there is no such event";
    NOT_MANUAL = "TW0547", Error, "a flow that nobody starts by hand";
    NOT_FORKABLE = "TW0605", Error, "a run that cannot be forked";
    UNKNOWN_STEP = "TW0606", Error, "the flow has no such step";
    KEPT_MISFIT = "TW0607", Error, "what a step came to does not fit the plan of today";
    BATCH_CHANGED = "TW0608", Error, "a batch that nobody looked at as it is";
    USAGE = "TW0550", Error, "the command was given wrong options";
}
