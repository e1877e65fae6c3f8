package dev.cocovisor.vmm.checked;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.Outcome;

/**
 * What the guest does on one vCPU. Places are bytes from where RAM begins.
 *
 * <p>The plain methods throw {@link GuestStopped} where the guest was not told that it is done, and
 * {@link dev.cocovisor.api.KvmException} where a call of its VMM's failed; those called {@code
 * try…} return whatever came.
 */
public final class GuestVcpu {
  private final Guest guest;
  private final int index;

  GuestVcpu(Guest guest, int index) {
    this.guest = guest;
    this.index = index;
  }

  /** Returns the vCPU's place among the guest's, from 0. */
  public int index() {
    return index;
  }

  /** Returns the vCPU's descriptor. */
  public int fd() {
    return guest.vcpuFd(index);
  }

  /** Makes one KVM_RUN in which the guest does {@code action}, however it ends. */
  public Outcome.Told tryDo(GuestAction action) {
    return guest.act(index, action);
  }

  /** As {@link #tryDo}; returns the value the guest was told. */
  public long run(GuestAction action) {
    return done(tryDo(action)).value();
  }

  /** Loads a byte of private memory; 0 to 255. */
  public int read(long at) {
    return (int) done(tryRead(at)).value();
  }

  /** Loads a byte of shared memory; 0 to 255. */
  public int readShared(long at) {
    return (int) done(tryReadShared(at)).value();
  }

  /** Stores a byte into private memory. */
  public void write(long at, int value) {
    var _ = done(tryWrite(at, value));
  }

  /** Stores a byte into shared memory. */
  public void writeShared(long at, int value) {
    var _ = done(tryWriteShared(at, value));
  }

  /** As {@link #read}, however it ends. */
  public Outcome.Told tryRead(long at) {
    return guest.read(index, at, false);
  }

  /** As {@link #readShared}, however it ends. */
  public Outcome.Told tryReadShared(long at) {
    return guest.read(index, at, true);
  }

  /** As {@link #write}, however it ends. */
  public Outcome.Told tryWrite(long at, int value) {
    return guest.write(index, at, value, false);
  }

  /** As {@link #writeShared}, however it ends. */
  public Outcome.Told tryWriteShared(long at, int value) {
    return guest.write(index, at, value, true);
  }

  /** Takes a private range into use, page by page, where that has to be done. */
  public void accept(long at, long size) {
    accept(at, size, PageLevel.PG_4K);
  }

  /** Takes a private range into use in pages of a size. */
  public void accept(long at, long size, PageLevel level) {
    GuestVm.done(guest.accept(index, at, size, level), "accepting");
  }

  /** Makes a range private: the guest asks, the host converts, the guest accepts. */
  public void convertToPrivate(long at, long size) {
    GuestVm.done(guest.convert(index, at, size, true), "the host's part of a conversion");
  }

  /** Makes a range shared: the guest gives it up and asks, the host converts. */
  public void convertToShared(long at, long size) {
    GuestVm.done(guest.convert(index, at, size, false), "the host's part of a conversion");
  }

  private static Outcome.Told done(Outcome.Told told) {
    if (!told.done()) {
      throw new GuestStopped(told);
    }
    return told;
  }
}
