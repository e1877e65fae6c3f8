package dev.cocovisor.tdx.module.abi;

/** What became of something a guest did. */
public enum GuestOutcome {
  /** It completed; the guest goes on. */
  DONE,
  /** An interrupt came; the guest repeats the instruction later and progress is kept. */
  INTERRUPTED,
  /** A #VE was raised inside the guest. */
  EXCEPTION,
  /** The TD exited to the host. */
  TD_EXIT
}
