/**
 * Every wait of HandyRep that is no setting, in milliseconds. Whoever waits takes the number from here, and so does
 * {@link file://./timings.ts}, which adds up how long a run can last: there is no second copy that could differ.
 */

/** Between asking a local process to end and killing it, and again until it is given up: it may hang in the kernel. */
export const KILL_GRACE_MS = 500;
/** How long the outputs of an ended command are read on; a daemon that inherited them may hold them for ever. */
export const DRAIN_MS = 200;
/** How long an ended lifeline lets its script clean up before it is killed hard. */
export const LIFELINE_GRACE_MS = 10_000;
/** What ssh gets beyond its own ConnectTimeout, so that its words come before our deadline: logging in takes time too. */
export const SSH_LOGIN_MS = 1000;
/** A shared ssh connection that has not begun a command by now may be dead: another one is tried beside it. */
export const SSH_SHARED_MS = 500;
/**
 * A session that is kept open has to prove at once that it lives: in the time that opening it took, as a new one takes as long, and
 * within these bounds. What is left of the call's time is the new one's.
 */
export const KEPT_SESSION_LEAST_MS = 100;
export const KEPT_SESSION_MS = 500;
/** How long a server may take to hang up after our goodbye. */
export const GOODBYE_MS = 100;

/**
 * A look at the master that has had no answer for so long is late, at the earliest: what a failover would want to know is asked
 * beside it, and no decision comes of that.
 */
export const LATE_LOOK_MS = 500;
/** Between two looks at a host that answers nothing, while a failover goes on. */
export const VIGIL_MS = 500;

/** Room for a poll method that asks twice (TLS then plain, replication connection). */
export const POLL_SLACK_MS = 2000;
/** What a remote look of a failover takes once ssh is there: pg_isready's two seconds and the disk. */
export const CLOSER_LOOK_MS = 4000;
/** The same in calm times, where nobody waits for it. */
export const CALM_LOOK_MS = 6000;
/** A login that is tried from another server's host. */
export const TRY_LOGIN_MS = 5000;

/** SIGKILL of a large server and the sync of a slow disk take their time. */
export const FENCE_EXTRA_MS = 20_000;
/** A dead master's closed connections end the WAL receivers by themselves within this time. */
export const RECEIVER_FADE_MS = 300;
/** How long a WAL receiver may take to end after a reload. */
export const RECEIVER_STOP_MS = 5000;
/** What stops a server may fail to tell that it did. */
export const LATE_STOP_MS = 2000;
/** A shut down master sends its last records at once; a candidate that has not got them by now will not. */
export const HANDOVER_PROOF_MS = 5000;
/** Recovery is followed for as long as the server says that it starts, and the lock is held meanwhile. */
export const LONGEST_START_MS = 300_000;
/** The same where no lock is held: a replica that recovers moves on slowly and may take long. */
export const LONGEST_RECOVERY_MS = 3_600_000;
/** A killed postmaster that init has not collected yet keeps a new one from starting for so long. */
export const START_AGAIN_MS = 10_000;
/** A WAL receiver tries again every five seconds (wal_retrieve_retry_interval). */
export const RECEIVER_RETRY_MS = 6000;
/** A WAL sender notices after a moment that its replica has gone elsewhere. */
export const SLOT_RELEASE_MS = 5000;

/** A promotion that has not happened by now may sleep: whether it does is looked at, again and again. */
export const PROMOTION_NUDGE_MS = 100;
/** pg_ctl waits by itself; then it says so. */
export const PG_CTL_EXTRA_MS = 5000;
/** Built-in plugins keep shorter times of their own; this is for the ones that forgot. */
export const LONGEST_PLUGIN_MS = 300_000;
/** Every check waits for it: whoever cannot say in this time whether it is the active one, is not. */
export const MASTER_CHECK_MS = 10_000;
/** People are told after the work is done, and a mail server that hangs holds up nothing for longer than this. */
export const SEND_ALERTS_MS = 10_000;
/** What was sent late is told to stop, and given up after this. */
export const STOP_ALERT_MS = 500;
/** Another run may be writing down what people were told. */
export const ALERT_BOOK_MS = 3000;
/** What an extra command does after it was told to stop is not waited for. */
export const STOP_COMMAND_MS = 2000;
/** A disk that takes longer to take a line of the evidence journal hangs: no round waits for it. */
export const EVIDENCE_MS = 2000;

/** A run may act several times (resume, fence, then fail over), never without end. */
export const MOST_ROUNDS = 4;
/** A lock that has just gone, or is about to, is worth other attempts, though not for ever. */
export const LOCK_GRACE_MS = 3000;
/** How long a check waits for a rejoin of the same cluster to let go of the lock. */
export const LOCK_BESIDE_MS = 20_000;
/** How long the end of a rejoin waits for the lock: what was done must get on record. */
export const REJOIN_LOCK_MS = 300_000;
/** The same for a clone. */
export const CLONE_LOCK_MS = 600_000;

/** The WAL since the last checkpoint is read once to find its end, and what is kept is read once to count it. */
export const READ_WAL_MS = 1_800_000;
/** Copying it and bringing it to disk. */
export const KEEP_WAL_MS = 7_200_000;
/** Emptying a data directory. */
export const CLEARING_MS = 3_600_000;
/** A session of a killed run ends when its server notices. */
export const OLD_SLOT_MS = 5000;

/** What could not be done for the archive is tried again after this: a host whose ssh hangs must not make every check slow. */
export const ARCHIVE_RETRY_MS = 60_000;

/** Each server tries whether it reaches the places of the archive, of which some may be silent. */
export const ARCHIVE_TRY_MS = 60_000;

/** A proxy that did not answer lately is knocked at for so long: every check waits for it. */
export const KNOCK_MS = 1000;

/** What of a run is the program's own: its start, and files on a disk that answers. A loaded host is slow. */
export const OWN_WORK_MS = 5000;
/** When the answer is given, what is still open (a plugin's connection) may end by itself for so long; then it is ended. */
export const LINGER_MS = 2000;
