package dev.cocovisor.snp.psp;

import dev.cocovisor.api.mem.PhysicalMemory;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The firmware of SEV and SEV-ES guests, as far as KVM's launch and migration commands need it.
 *
 * <p>A guest is a handle with a state: launch (update, secret), running, sending, receiving, sent.
 * There is no RMP: memory is pinned user memory, encrypted in place. The host reads ciphertext, and
 * nothing stops it from writing: the guest then reads something unrelated. Source: AMD's SEV API
 * document as {@code include/linux/psp-sev.h} shows it.
 */
public final class LegacyFirmware {
  /** States of a guest, in the firmware's numbering. */
  public enum State {
    /** No such guest. */
    INVALID(0),
    /** Pages are being added. */
    LAUNCH_UPDATE(1),
    /** Measured; secrets may be injected. */
    LAUNCH_SECRET(2),
    /** Running. */
    RUNNING(3),
    /** Being sent. */
    SEND_UPDATE(4),
    /** Being received. */
    RECEIVE_UPDATE(5),
    /** Sent; it cannot run here any more. */
    SENT(6);

    private final int number;

    State(int number) {
      this.number = number;
    }

    /** Returns the number GUEST_STATUS tells. */
    public int number() {
      return number;
    }
  }

  /** Policy bit 0: no debugging. */
  public static final long NODBG = 1;

  /** Policy bit 2: SEV-ES is required. */
  public static final long ES = 1 << 2;

  /** Policy bit 3: the guest must not be sent. */
  public static final long NOSEND = 1 << 3;

  /** Bytes of an attestation report. */
  public static final int REPORT_SIZE = 0x210;

  /** Bytes of a measurement: 32 of digest, 16 of nonce. */
  public static final int MEASUREMENT_SIZE = 48;

  /** What the firmware keeps of a guest. */
  static final class Guest {
    final MessageDigest digest = sha256();
    State state;
    final long policy;
    final int handle;
    int asid;
    long session = -1;

    Guest(State state, long policy, int handle) {
      this.state = state;
      this.policy = policy;
      this.handle = handle;
    }

    int key() {
      return LegacyFirmware.key(handle, asid);
    }
  }

  /**
   * Returns the key of a guest as accesses carry it: the ASID in 15:0, and above it what tells the
   * guests apart that have the ASID one after the other.
   */
  public static int key(int handle, int asid) {
    return asid | handle << 16;
  }

  private final PhysicalMemory memory;
  private final KeyedMemory keyed;
  private final int asids;
  private final Mailbox mailbox;
  private final Map<Integer, Guest> guests = new HashMap<>();
  private final LegacyTransfer transfer;
  private int nextHandle = 1;

  /**
   * Creates firmware without guests.
   *
   * @param memory memory as it lies there
   * @param keyed the same through guests' keys
   * @param mailbox the processor's mailbox
   */
  public LegacyFirmware(PhysicalMemory memory, KeyedMemory keyed, int asids, Mailbox mailbox) {
    this.mailbox = mailbox;
    this.transfer = new LegacyTransfer(this, keyed, mailbox);
    this.memory = memory;
    this.keyed = keyed;
    this.asids = asids;
  }

  /**
   * LAUNCH_START or RECEIVE_START: creates a guest and puts its handle into {@code handle[0]}.
   *
   * @param session what SEND_START gave, for a guest that is received; null otherwise
   */
  public FwStatus start(byte @Nullable [] session, long policy, int[] handle) {
    boolean receive = session != null;
    return mailbox.run(
        receive ? FwCommand.RECEIVE_START : FwCommand.LAUNCH_START,
        policy,
        0,
        0,
        0,
        () -> {
          State first = receive ? State.RECEIVE_UPDATE : State.LAUNCH_UPDATE;
          Guest g = new Guest(first, policy, nextHandle++);
          if (session != null) {
            g.session = Transport.number(session);
            if (g.session < 0) {
              return mailbox.refuse(FwStatus.BAD_MEASUREMENT, "the blob is no session");
            }
          }
          guests.put(g.handle, g);
          handle[0] = g.handle;
          return FwStatus.SUCCESS;
        });
  }

  /** Returns the commands that send a guest and receive one. */
  public LegacyTransfer transfer() {
    return transfer;
  }

  /** ACTIVATE. */
  public FwStatus activate(int handle, int asid) {
    return on(
        FwCommand.ACTIVATE,
        handle,
        asid,
        0,
        0,
        g -> {
          if (asid <= 0 || asid >= asids) {
            return mailbox.refuse(
                FwStatus.INVALID_ASID, () -> "ASID " + asid + " of 1 to " + (asids - 1));
          }
          if (g.asid != 0) {
            return mailbox.refuse(
                FwStatus.ACTIVE, () -> "the guest has ASID " + g.asid + " already");
          }
          if (guests.values().stream().anyMatch(o -> o.asid == asid)) {
            return mailbox.refuse(FwStatus.ASID_OWNED, () -> "another guest has ASID " + asid);
          }
          g.asid = asid;
          return FwStatus.SUCCESS;
        });
  }

  /** DEACTIVATE. */
  public FwStatus deactivate(int handle) {
    return on(
        FwCommand.DEACTIVATE,
        handle,
        g -> {
          g.asid = 0;
          return FwStatus.SUCCESS;
        });
  }

  /** DECOMMISSION. */
  public FwStatus decommission(int handle) {
    return on(
        FwCommand.DECOMMISSION,
        handle,
        g -> {
          if (g.asid != 0) {
            return mailbox.refuse(
                FwStatus.ACTIVE,
                () -> "the guest still has ASID " + g.asid + " (DEACTIVATE first)");
          }
          guests.remove(handle);
          return FwStatus.SUCCESS;
        });
  }

  /** LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA: measures memory and encrypts it in place. */
  public FwStatus launchUpdate(int handle, boolean vmsa, long hpa, int length) {
    return on(
        vmsa ? FwCommand.LAUNCH_UPDATE_VMSA : FwCommand.LAUNCH_UPDATE_DATA,
        handle,
        hpa,
        length,
        0,
        g -> {
          if (g.state != State.LAUNCH_UPDATE) {
            return wrongState(g, State.LAUNCH_UPDATE);
          }
          FwStatus s = blocks(g, hpa, length);
          if (!s.ok()) {
            return s;
          }
          byte[] content = new byte[length];
          memory.read(hpa, content, 0, length);
          g.digest.update(content);
          return done(keyed.write(g.key(), hpa, content));
        });
  }

  /** Whole blocks of the cipher, and a key to encrypt them with. */
  FwStatus blocks(Guest g, long hpa, int length) {
    if (length <= 0 || (length & 15) != 0) {
      return mailbox.refuse(
          FwStatus.INVALID_LEN, () -> length + " bytes are no multiple of 16 above 0");
    }
    if ((hpa & 15) != 0) {
      return mailbox.refuse(
          FwStatus.INVALID_ADDRESS, () -> SnpFirmware.hex(hpa) + " is not aligned to 16 bytes");
    }
    return g.asid == 0
        ? mailbox.refuse(FwStatus.INACTIVE, "the guest has no ASID")
        : FwStatus.SUCCESS;
  }

  FwStatus done(boolean accessible) {
    return accessible
        ? FwStatus.SUCCESS
        : mailbox.refuse(FwStatus.INVALID_ADDRESS, "the RMP keeps the page from this guest");
  }

  FwStatus wrongState(Guest g, State needed) {
    return mailbox.refuse(
        FwStatus.INVALID_GUEST_STATE, () -> "the guest is in " + g.state + ", not in " + needed);
  }

  FwStatus tooShort(int needed) {
    return mailbox.refuse(
        FwStatus.INVALID_LEN, () -> "the buffer is too short: " + needed + " bytes are needed");
  }

  /** LAUNCH_UPDATE_SECRET: puts a secret into memory that was measured. */
  public FwStatus secret(int handle, long hpa, byte[] secret) {
    return on(
        FwCommand.LAUNCH_UPDATE_SECRET,
        handle,
        hpa,
        secret.length,
        0,
        g -> {
          if (g.state != State.LAUNCH_SECRET) {
            return wrongState(g, State.LAUNCH_SECRET);
          }
          FwStatus s = blocks(g, hpa, secret.length);
          return s.ok() ? done(keyed.write(g.key(), hpa, secret)) : s;
        });
  }

  /** ATTESTATION_REPORT: into {@code into}, which a too short length leaves alone. */
  public FwStatus report(int handle, byte[] into) {
    return on(
        FwCommand.ATTESTATION_REPORT,
        handle,
        into.length,
        0,
        0,
        _ -> into.length < REPORT_SIZE ? tooShort(REPORT_SIZE) : FwStatus.SUCCESS);
  }

  /** LAUNCH_MEASURE: 32 bytes of digest, then the nonce, into {@code into}. */
  public FwStatus measure(int handle, byte[] into) {
    return on(
        FwCommand.LAUNCH_MEASURE,
        handle,
        into.length,
        0,
        0,
        g -> {
          if (into.length < MEASUREMENT_SIZE) {
            return tooShort(MEASUREMENT_SIZE);
          }
          if (g.state != State.LAUNCH_UPDATE) {
            return wrongState(g, State.LAUNCH_UPDATE);
          }
          System.arraycopy(g.digest.digest(), 0, into, 0, 32);
          g.state = State.LAUNCH_SECRET;
          return FwStatus.SUCCESS;
        });
  }

  /** A command that only moves the guest from one state to another. */
  public FwStatus step(FwCommand command, int handle) {
    return on(
        command,
        handle,
        g -> {
          State from;
          State to;
          switch (command) {
            case LAUNCH_FINISH -> {
              from = State.LAUNCH_SECRET;
              to = State.RUNNING;
            }
            case SEND_FINISH -> {
              from = State.SEND_UPDATE;
              to = State.SENT;
            }
            case SEND_CANCEL -> {
              from = State.SEND_UPDATE;
              to = State.RUNNING;
            }
            case RECEIVE_FINISH -> {
              from = State.RECEIVE_UPDATE;
              to = State.RUNNING;
            }
            default -> {
              return FwStatus.INVALID_COMMAND;
            }
          }
          if (g.state != from) {
            return wrongState(g, from);
          }
          g.state = to;
          return FwStatus.SUCCESS;
        });
  }

  /** DBG_DECRYPT and DBG_ENCRYPT: allowed unless the policy forbids debugging. */
  public FwStatus debug(int handle, boolean decrypt, long from, long to, int length) {
    return on(
        decrypt ? FwCommand.DBG_DECRYPT : FwCommand.DBG_ENCRYPT,
        handle,
        from,
        to,
        length,
        g -> {
          if ((g.policy & NODBG) != 0) {
            return mailbox.refuse(FwStatus.POLICY_FAILURE, "policy bit 0 (NODBG) is set");
          }
          byte[] content = new byte[length];
          if (decrypt) {
            boolean had = keyed.read(g.key(), from, content);
            memory.write(to, content, 0, length);
            return done(had);
          }
          memory.read(from, content, 0, length);
          return done(keyed.write(g.key(), to, content));
        });
  }

  /** GUEST_STATUS: {@link #state} and {@link #policy} are what it tells of a guest there is. */
  public FwStatus status(int handle) {
    return on(FwCommand.GUEST_STATUS, handle, _ -> FwStatus.SUCCESS);
  }

  /** Returns a guest's state; INVALID where there is none. */
  public State state(int handle) {
    Guest g = guests.get(handle);
    return g == null ? State.INVALID : g.state;
  }

  /** Returns a guest's policy, 0 where there is none. */
  public long policy(int handle) {
    Guest g = guests.get(handle);
    return g == null ? 0 : g.policy;
  }

  private FwStatus on(FwCommand command, int handle, Function<Guest, FwStatus> body) {
    return on(command, handle, 0, 0, 0, body);
  }

  FwStatus on(
      FwCommand command, int handle, long a1, long a2, long a3, Function<Guest, FwStatus> body) {
    return mailbox.run(
        command,
        handle,
        a1,
        a2,
        a3,
        () -> {
          Guest g = guests.get(handle);
          return g == null
              ? mailbox.refuse(FwStatus.INVALID_GUEST, () -> "there is no guest " + handle)
              : body.apply(g);
        });
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
