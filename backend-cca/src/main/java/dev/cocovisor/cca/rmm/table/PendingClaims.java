package dev.cocovisor.cca.rmm.table;

/**
 * What unfinished operations still need of a realm's tables. An entry that an operation has stamped
 * and a table that it is going to come back to are not anybody else's to change.
 */
public interface PendingClaims {
  /** Nobody claims anything: every command is finished when it returns. */
  PendingClaims NONE =
      new PendingClaims() {
        @Override
        public boolean entry(long e) {
          return false;
        }

        @Override
        public boolean table(int granule) {
          return false;
        }
      };

  /** Tells whether an entry is stamped. */
  boolean entry(long e);

  /** Tells whether an open operation is going to come back to a table. */
  boolean table(int granule);
}
