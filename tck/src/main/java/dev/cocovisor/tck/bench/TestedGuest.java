package dev.cocovisor.tck.bench;

import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.witness.WitnessOps;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.Outcome;
import java.util.List;
import java.util.stream.LongStream;

/**
 * A guest of the backend under test: the steps of {@link Guest} with what a rule claims of them. A
 * step that has to succeed fails the rule otherwise; those called {@code try…} return. Offsets
 * count from RAM.
 */
public final class TestedGuest {
  /** An offset far behind any RAM. */
  public static final long NOWHERE = 1L << 32;

  private final Bench bench;
  private final Guest guest;
  private final int number;
  private boolean mortal;

  TestedGuest(Bench bench, Guest guest, int number) {
    this.bench = bench;
    this.guest = guest;
    this.number = number;
  }

  /** Lets the VM die of what its guest does, without that being a bug. */
  public void mayDie() {
    mortal = true;
  }

  boolean mortal() {
    return mortal;
  }

  boolean gone() {
    return !guest.live();
  }

  /** Returns the steps that return instead of failing. */
  public Guest steps() {
    return guest;
  }

  /** Returns what the VMM knows of the VM. */
  public VmmMachine machine() {
    return guest.machine();
  }

  /** Returns what the core offers the backend for this VM. */
  public VmContext context() {
    return ops().context();
  }

  /** Returns the VM's vendor half as the witness sees it. */
  public WitnessOps ops() {
    return bench.witness().vm(number);
  }

  /** Adds vCPUs. */
  public TestedGuest configure(int vcpus) {
    var _ = succeeds(guest.addVcpus(vcpus), "KVM_CREATE_VCPU of " + vcpus + " vCPUs");
    return this;
  }

  /** Plugs RAM behind what there is. */
  public TestedGuest plug(long size) {
    var _ = succeeds(guest.plug(guest.end(), size, false), "plugging RAM");
    return this;
  }

  /** Makes the VMM's calls before the launch is populated. */
  public TestedGuest ready() {
    var _ = succeeds(guest.ready(), "the VMM's calls before the launch");
    return this;
  }

  /** Ends the launch. */
  public TestedGuest finish() {
    succeeds(guest.finish(), "the end of the launch");
    return this;
  }

  /** Returns the guest-physical address where RAM begins. */
  public long base() {
    return guest.gpa(0);
  }

  /** Returns the guest frame number of a place. */
  public long gfn(long at) {
    return guest.gfn(at);
  }

  /** Fills source pages with one value, populates with them and claims that they stay as is. */
  public long populate(long at, long size, int value, boolean measured) {
    long source = source(size, value);
    long ret = populateFrom(at, size, source, measured);
    same((long) value, bench.process().hostRead(source), "the source after populating");
    var _ = succeeds(bench.process().munmap(source, size), "munmap");
    return ret;
  }

  /** Fills pages of the VMM's with one value. */
  public long source(long size, int value) {
    return succeeds(guest.source(size, value), "mmap of the source");
  }

  /** Populates from pages of the VMM's. */
  public long populateFrom(long at, long size, long source, boolean measured) {
    return guest.populateFrom(at, size, source, measured);
  }

  /** Tells whether the guest has to accept memory. */
  public boolean accepts() {
    return !acceptActions(0, Bench.PAGE).isEmpty();
  }

  /** What the guest does to accept a range; empty where nothing is accepted. */
  public List<GuestAction> acceptActions(long at, long size) {
    return bench.subject().driver().accept(guest.machine(), guest.gpa(at), size, PageLevel.PG_4K);
  }

  /** What the guest did, if it got on at all. */
  private <T extends Outcome> T on(T outcome) {
    bench.claimProgress();
    return outcome;
  }

  /** The guest does something on its first vCPU. */
  public Outcome.Told act(GuestAction action) {
    return on(guest.act(0, action));
  }

  /** The guest loads a byte, however it ends. */
  public Outcome.Told tryRead(long at, boolean shared) {
    return on(guest.read(0, at, shared));
  }

  /** As {@link #tryRead(long, boolean)}, on a vCPU. */
  public Outcome.Told tryRead(int vcpu, long at, boolean shared) {
    return on(guest.read(vcpu, at, shared));
  }

  /** The guest stores a byte, however it ends. */
  public Outcome.Told tryWrite(long at, int value, boolean shared) {
    return on(guest.write(0, at, value, shared));
  }

  /** As {@link #tryWrite(long, int, boolean)}, on a vCPU. */
  public Outcome.Told tryWrite(int vcpu, long at, int value, boolean shared) {
    return on(guest.write(vcpu, at, value, shared));
  }

  /** The guest loads a byte. */
  public int read(long at, boolean shared) {
    Outcome.Told told = tryRead(at, shared);
    succeeds(told, "a guest's read at 0x" + Long.toHexString(at));
    return (int) told.value();
  }

  /** The guest stores a byte. */
  public void write(long at, int value, boolean shared) {
    succeeds(tryWrite(at, value, shared), "a guest's write at 0x" + Long.toHexString(at));
  }

  /** Takes private memory into use, where that has to be done. */
  public TestedGuest accept(long at, long size) {
    return accept(at, size, PageLevel.PG_4K);
  }

  /** As {@link #accept(long, long)}, in pages of a size. */
  public TestedGuest accept(long at, long size, PageLevel level) {
    succeeds(tryAccept(at, size, level), "accepting at 0x" + Long.toHexString(at));
    return this;
  }

  /** As {@link #accept(long, long, PageLevel)}, however it ends. */
  public Outcome tryAccept(long at, long size, PageLevel level) {
    return on(guest.accept(0, at, size, level));
  }

  /** Takes memory behind a hole into use. */
  public TestedGuest takeBack(long at, long size) {
    if (!bench.subject().has(Behaviour.LOST_MEMORY_IS_ASKED_FOR)) {
      return accept(at, size);
    }
    succeeds(convert(at, size, true), "asking for lost memory");
    return this;
  }

  /** Converts a range with all that guest and host have to do, however it ends. */
  public Outcome convert(long at, long size, boolean toPrivate) {
    return on(guest.convert(0, at, size, toPrivate));
  }

  /** Gives private pages back. */
  public long punch(long at, long size) {
    return guest.punch(at, size);
  }

  /** KVM_PRE_FAULT_MEMORY. */
  public long preFault(long at, long size) {
    return guest.prefault(0, at, size).ret();
  }

  /** Returns where the VMM has a place mapped. */
  public long host(long at) {
    return guest.userAddress(at);
  }

  /** Ends the VM: vCPUs, VM, guest_memfds and mappings, in the order of a VMM that exits. */
  public void close() {
    var _ = succeeds(guest.close(), "the end of the guest");
  }

  /** Ends the VM with its memory first. */
  public void closeMemoryFirst() {
    var _ = succeeds(guest.closeMemory(), "close of the guest's memory");
    close();
  }

  /** Private frames the core has mapped in a range, as gfn → pfn pairs. */
  public List<long[]> mapped(long at, long size) {
    return LongStream.range(gfn(at), gfn(at) + (size >>> PageLevel.PAGE_SHIFT))
        .filter(g -> context().mappedPfn(g, true) >= 0)
        .mapToObj(g -> new long[] {g, context().mappedPfn(g, true)})
        .toList();
  }
}
