package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.TrustedFault;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.snp.psp.FwInterposer;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.LegacyFirmware;
import dev.cocovisor.snp.psp.SnpFirmware;
import dev.cocovisor.snp.rmp.GuestInstructions;
import dev.cocovisor.snp.rmp.Rmp;
import dev.cocovisor.snp.rmp.RmpAccess;
import dev.cocovisor.snp.rmp.RmpChoices;
import dev.cocovisor.snp.rmp.RmpCode;
import dev.cocovisor.snp.rmp.RmpEntry;
import dev.cocovisor.snp.rmp.RmpGuard;
import dev.cocovisor.snp.rmp.RmpInvariants;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One host's SEV: its RMP, its secure processor, its ASIDs and how KVM was told to behave. */
public final class SevPlatform implements Platform {
  /** The frames an RMP covers where memory is larger than it can number. */
  private static final long COVERED = 1L << 28;

  private final HostMachine machine;
  private final Rmp rmp;
  private final SnpFirmware firmware;
  private final LegacyFirmware legacy;
  private final SnpHost host;
  private final AsidPool asids;
  private final SevSettings settings;
  private final RmpAccess access;
  private final GuestInstructions guest;
  private final PhysicalGuard guard;
  private final int firstPlainAsid;

  /** ASIDs of SNP VMs by VM number; copied on change, so that guards read it without a lock. */
  private volatile int[] asidOfVm = new int[0];

  SevPlatform(HostMachine machine, FwInterposer interposer) {
    this.machine = machine;
    this.settings = SevSettings.of(machine);
    this.rmp = new Rmp(COVERED, settings.asids(), RmpChoices.DEFAULT);
    this.firmware = new SnpFirmware(machine.memory().raw(), rmp, settings.smt());
    this.legacy = new LegacyFirmware(machine.memory().raw(), settings.asids());
    firmware.setInterposer(interposer);
    legacy.setInterposer(interposer);
    this.firstPlainAsid = Math.max(2, settings.asids() / 4);
    this.host = new SnpHost(machine, rmp, firmware, settings.overlapRetries());
    this.asids = new AsidPool(firstPlainAsid, settings.asids(), firmware);
    this.access = new RmpAccess(rmp);
    this.guest = new GuestInstructions(rmp);
    this.guard =
        new RmpGuard(rmp, machine.memory().directMap(), a -> a < firstPlainAsid, this::asidOfVm);
    FwStatus booted = firmware.init();
    if (!booted.ok()) {
      throw new IllegalStateException("SNP_INIT: " + booted);
    }
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    return new SevVm(this, vm, type);
  }

  @Override
  public PhysicalGuard guard() {
    return guard;
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    RmpInvariants.check(rmp).forEach(violation);
  }

  @Override
  public @Nullable String ownerOf(long pfn) {
    if (!rmp.covers(pfn)) {
      return null;
    }
    RmpEntry e = rmp.entry(pfn);
    if (!e.assigned()) {
      return null;
    }
    return (e.asid() == 0 ? "firmware" : "ASID " + e.asid()) + ", " + e.state();
  }

  /** An instruction that collides is the only passing failure there is: an overlap, or in use. */
  @Override
  public Errno plan(TrustedFault fault) {
    if (fault.how() != TrustedFault.How.BUSY || fault.at() == TrustedFault.Operation.LINK) {
      return Errno.EOPNOTSUPP;
    }
    AtomicInteger left = new AtomicInteger(fault.times());
    boolean split = fault.at() == TrustedFault.Operation.SPLIT;
    host.setInterposer((psmash, _) ->
        psmash != split || left.getAndUpdate(n -> Math.max(n - 1, 0)) == 0
            ? RmpCode.OK
            : psmash ? RmpCode.FAIL_INUSE : RmpCode.FAIL_OVERLAP);
    return Errno.OK;
  }

  /** Returns the reverse map table. */
  public Rmp rmp() {
    return rmp;
  }

  /** Returns the SNP firmware. */
  public SnpFirmware firmware() {
    return firmware;
  }

  /** Returns the firmware of SEV and SEV-ES guests. */
  public LegacyFirmware legacyFirmware() {
    return legacy;
  }

  /** Returns the host kernel's SNP support, with its leak and livelock counters. */
  public SnpHost host() {
    return host;
  }

  private int asidOfVm(int vm) {
    int[] now = asidOfVm;
    return vm < now.length ? now[vm] : 0;
  }

  /** Notes which ASID an SNP VM has; 0 when it ends. */
  void bind(int vm, int asid) {
    int[] next = java.util.Arrays.copyOf(asidOfVm, Math.max(asidOfVm.length, vm + 1));
    next[vm] = asid;
    asidOfVm = next;
  }

  AsidPool asids() {
    return asids;
  }

  SevSettings settings() {
    return settings;
  }

  RmpAccess access() {
    return access;
  }

  GuestInstructions guestInstructions() {
    return guest;
  }

  HostMachine machine() {
    return machine;
  }
}
