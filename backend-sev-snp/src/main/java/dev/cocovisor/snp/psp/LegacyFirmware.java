package dev.cocovisor.snp.psp;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.ModelLock;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * The firmware of SEV and SEV-ES guests, as far as KVM's launch and migration commands need it.
 *
 * <p>A guest is a handle with a state: launch (update, secret), running, sending, receiving, sent.
 * There is no RMP: memory is pinned user memory, and the integrity of what the host does to it is
 * not protected. Source: AMD's SEV API document as {@code include/linux/psp-sev.h} shows it.
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

  /** Bytes of a measurement: 32 of digest, 16 of nonce. */
  public static final int MEASUREMENT_SIZE = 48;

  private static final class Guest {
    final MessageDigest digest = sha256();
    State state;
    final long policy;
    int asid;

    Guest(State state, long policy) {
      this.state = state;
      this.policy = policy;
    }
  }

  private final PhysicalMemory memory;
  private final int asids;
  private final ModelLock mailbox = new ModelLock("psp mailbox (sev)");
  private final Map<Integer, Guest> guests = new HashMap<>();
  private FwInterposer interposer = FwInterposer.NONE;
  private int nextHandle = 1;

  /** Creates firmware without guests. */
  public LegacyFirmware(PhysicalMemory memory, int asids) {
    this.memory = memory;
    this.asids = asids;
  }

  /** Makes {@code interposer} be asked before each command. */
  public void setInterposer(FwInterposer interposer) {
    this.interposer = interposer;
  }

  /** LAUNCH_START or RECEIVE_START: creates a guest and puts its handle into {@code handle[0]}. */
  public FwStatus start(boolean receive, long policy, int[] handle) {
    mailbox.lock();
    try {
      FwStatus s = interposer.before(receive ? FwCommand.RECEIVE_START : FwCommand.LAUNCH_START);
      if (!s.ok()) {
        return s;
      }
      guests.put(
          nextHandle, new Guest(receive ? State.RECEIVE_UPDATE : State.LAUNCH_UPDATE, policy));
      handle[0] = nextHandle++;
      return FwStatus.SUCCESS;
    } finally {
      mailbox.unlock();
    }
  }

  /** ACTIVATE. */
  public FwStatus activate(int handle, int asid) {
    return on(
        FwCommand.ACTIVATE,
        handle,
        g -> {
          if (asid <= 0 || asid >= asids) {
            return FwStatus.INVALID_ASID;
          }
          if (g.asid != 0) {
            return FwStatus.ACTIVE;
          }
          if (guests.values().stream().anyMatch(o -> o.asid == asid)) {
            return FwStatus.ASID_OWNED;
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
            return FwStatus.ACTIVE;
          }
          guests.remove(handle);
          return FwStatus.SUCCESS;
        });
  }

  /** LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA: measures a piece of memory. */
  public FwStatus launchUpdate(int handle, boolean vmsa, long hpa, int length) {
    return on(
        vmsa ? FwCommand.LAUNCH_UPDATE_VMSA : FwCommand.LAUNCH_UPDATE_DATA,
        handle,
        g -> {
          if (g.state != State.LAUNCH_UPDATE) {
            return FwStatus.INVALID_GUEST_STATE;
          }
          if (length <= 0 || (length & 15) != 0) {
            return FwStatus.INVALID_LEN;
          }
          if ((hpa & 15) != 0) {
            return FwStatus.INVALID_ADDRESS;
          }
          if (g.asid == 0) {
            return FwStatus.INACTIVE;
          }
          byte[] content = new byte[length];
          memory.read(hpa, content, 0, length);
          g.digest.update(content);
          return FwStatus.SUCCESS;
        });
  }

  /** LAUNCH_MEASURE: 32 bytes of digest, then the nonce, into {@code into}. */
  public FwStatus measure(int handle, byte[] into) {
    return on(
        FwCommand.LAUNCH_MEASURE,
        handle,
        g -> {
          if (into.length < MEASUREMENT_SIZE) {
            return FwStatus.INVALID_LEN;
          }
          if (g.state != State.LAUNCH_UPDATE) {
            return FwStatus.INVALID_GUEST_STATE;
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
            case LAUNCH_UPDATE_SECRET -> from = to = State.LAUNCH_SECRET;
            case LAUNCH_FINISH -> {
              from = State.LAUNCH_SECRET;
              to = State.RUNNING;
            }
            case SEND_START -> {
              from = State.RUNNING;
              to = State.SEND_UPDATE;
            }
            case SEND_UPDATE_DATA -> from = to = State.SEND_UPDATE;
            case SEND_FINISH -> {
              from = State.SEND_UPDATE;
              to = State.SENT;
            }
            case SEND_CANCEL -> {
              from = State.SEND_UPDATE;
              to = State.RUNNING;
            }
            case RECEIVE_UPDATE_DATA -> from = to = State.RECEIVE_UPDATE;
            case RECEIVE_FINISH -> {
              from = State.RECEIVE_UPDATE;
              to = State.RUNNING;
            }
            default -> {
              return FwStatus.INVALID_COMMAND;
            }
          }
          if (g.state != from) {
            return FwStatus.INVALID_GUEST_STATE;
          }
          if (command == FwCommand.SEND_START && (g.policy & NOSEND) != 0) {
            return FwStatus.POLICY_FAILURE;
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
        g -> {
          if ((g.policy & NODBG) != 0) {
            return FwStatus.POLICY_FAILURE;
          }
          byte[] content = new byte[length];
          memory.read(from, content, 0, length);
          memory.write(to, content, 0, length);
          return FwStatus.SUCCESS;
        });
  }

  /** GUEST_STATUS: the guest's state; INVALID where there is none. */
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
    mailbox.lock();
    try {
      FwStatus s = interposer.before(command);
      if (!s.ok()) {
        return s;
      }
      Guest g = guests.get(handle);
      return g == null ? FwStatus.INVALID_GUEST : body.apply(g);
    } finally {
      mailbox.unlock();
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
