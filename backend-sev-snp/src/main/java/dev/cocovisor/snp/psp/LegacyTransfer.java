package dev.cocovisor.snp.psp;

/**
 * The firmware's commands that send a SEV guest to another host and receive one: a session, and
 * pieces of memory under its key.
 */
public final class LegacyTransfer {
  private final LegacyFirmware firmware;
  private final KeyedMemory keyed;
  private final Mailbox mailbox;
  private long sessions;

  LegacyTransfer(LegacyFirmware firmware, KeyedMemory keyed, Mailbox mailbox) {
    this.firmware = firmware;
    this.keyed = keyed;
    this.mailbox = mailbox;
  }

  /**
   * SEND_START: begins a session and writes it into {@code session}.
   *
   * <p>A buffer that is too short is INVALID_LEN, asked after the guest's state; that order is this
   * model's choice.
   */
  public FwStatus sendStart(int handle, byte[] session) {
    return firmware.on(
        FwCommand.SEND_START,
        handle,
        session.length,
        0,
        0,
        g -> {
          if (g.state != LegacyFirmware.State.RUNNING) {
            return firmware.wrongState(g, LegacyFirmware.State.RUNNING);
          }
          if (session.length < Transport.SESSION_SIZE) {
            return firmware.tooShort(Transport.SESSION_SIZE);
          }
          if ((g.policy & LegacyFirmware.NOSEND) != 0) {
            return mailbox.refuse(
                FwStatus.POLICY_FAILURE, "policy bit 3 (LegacyFirmware.NOSEND) is set");
          }
          g.session = ++sessions;
          byte[] blob = Transport.session(g.session);
          System.arraycopy(blob, 0, session, 0, blob.length);
          g.state = LegacyFirmware.State.SEND_UPDATE;
          return FwStatus.SUCCESS;
        });
  }

  /** Returns the bytes that {@link #sendStart} needs. */
  public static int sessionSize() {
    return Transport.SESSION_SIZE;
  }

  /** Returns the bytes of header that {@link #sendUpdate} needs. */
  public static int headerSize() {
    return Transport.HEADER_SIZE;
  }

  /** SEND_UPDATE_DATA: puts a piece of the guest under the session's key. */
  public FwStatus sendUpdate(int handle, long hpa, int length, byte[] header, byte[] packet) {
    return firmware.on(
        FwCommand.SEND_UPDATE_DATA,
        handle,
        hpa,
        length,
        0,
        g -> {
          if (g.state != LegacyFirmware.State.SEND_UPDATE) {
            return firmware.wrongState(g, LegacyFirmware.State.SEND_UPDATE);
          }
          if (header.length < Transport.HEADER_SIZE || packet.length < length) {
            return firmware.tooShort(Transport.HEADER_SIZE);
          }
          FwStatus s = firmware.blocks(g, hpa, length);
          byte[] content = new byte[Math.max(length, 0)];
          if (!s.ok() || !keyed.read(g.key(), hpa, content)) {
            return s.ok() ? firmware.done(false) : s;
          }
          System.arraycopy(
              Transport.header(g.session, content), 0, header, 0, Transport.HEADER_SIZE);
          Transport.crypt(g.session, content);
          System.arraycopy(content, 0, packet, 0, length);
          return FwStatus.SUCCESS;
        });
  }

  /** RECEIVE_UPDATE_DATA: puts a packet into the guest's memory, under its key. */
  public FwStatus receiveUpdate(int handle, long hpa, int length, byte[] header, byte[] packet) {
    return firmware.on(
        FwCommand.RECEIVE_UPDATE_DATA,
        handle,
        hpa,
        length,
        0,
        g -> {
          if (g.state != LegacyFirmware.State.RECEIVE_UPDATE) {
            return firmware.wrongState(g, LegacyFirmware.State.RECEIVE_UPDATE);
          }
          if (header.length != Transport.HEADER_SIZE || packet.length != length) {
            return mailbox.refuse(
                FwStatus.INVALID_LEN, "header or packet do not have their lengths");
          }
          FwStatus s = firmware.blocks(g, hpa, length);
          if (!s.ok()) {
            return s;
          }
          byte[] content = packet.clone();
          Transport.crypt(g.session, content);
          return Transport.genuine(g.session, header, content)
              ? firmware.done(keyed.write(g.key(), hpa, content))
              : mailbox.refuse(
                  FwStatus.BAD_MEASUREMENT, "the packet is not of this session, or was changed");
        });
  }
}
