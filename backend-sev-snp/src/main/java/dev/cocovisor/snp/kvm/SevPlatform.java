package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.FaultPlan;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.snp.psp.FwCommand;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.GuestPolicy;
import dev.cocovisor.snp.psp.LegacyFirmware;
import dev.cocovisor.snp.psp.Mailbox;
import dev.cocovisor.snp.psp.SnpFirmware;
import dev.cocovisor.snp.rmp.GuestInstructions;
import dev.cocovisor.snp.rmp.Rmp;
import dev.cocovisor.snp.rmp.RmpAccess;
import dev.cocovisor.snp.rmp.RmpChoices;
import dev.cocovisor.snp.rmp.RmpEntry;
import dev.cocovisor.snp.rmp.RmpGuard;
import dev.cocovisor.snp.rmp.RmpInstruction;
import dev.cocovisor.snp.rmp.RmpInvariants;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One host's SEV: its RMP, its secure processor, its ASIDs and how KVM was told to behave. */
public final class SevPlatform implements Platform {
  /** The frames an RMP covers at least: 1 TiB. */
  private static final long COVERED = 1L << 28;

  /** The frames an RMP covers at most: 8 TiB. */
  private static final long MOST_COVERED = 1L << 31;

  private static final List<TrustedCall> CALLS =
      Stream.<TrustedCall>concat(
              Arrays.stream(RmpInstruction.values()), Arrays.stream(FwCommand.values()))
          .toList();

  private final HostMachine machine;
  private final FaultPlan failures;
  private final Rmp rmp;
  private final SnpFirmware firmware;
  private final LegacyFirmware legacy;
  private final SnpHost host;
  private final AsidPool asids;

  /** KVM_X86_GRP_SEV, and its attributes. */
  private static final long SEV_GROUP = 1;

  private static final int VMSA_FEATURES = 0;
  private static final int SNP_POLICY_BITS = 1;
  private static final int SNP_REQ_CERTS = 2;

  private final SevSettings settings;
  private final LaunchSteps launchSteps;
  private final RmpFaultSteps faultSteps;
  private final SaveAreaSteps saveAreaSteps;
  private final RmpAccess access;
  private final GuestInstructions guest;
  private final PhysicalGuard guard;

  /** 1 for the ASIDs of SNP guests; guards read it without a lock. */
  private final AtomicIntegerArray snpAsids;

  SevPlatform(HostMachine machine) {
    this.machine = machine;
    this.settings = SevSettings.of(machine);
    this.launchSteps = machine.part(LaunchSteps.class, new LaunchSteps());
    this.faultSteps = machine.part(RmpFaultSteps.class, new RmpFaultSteps());
    this.saveAreaSteps = machine.part(SaveAreaSteps.class, new SaveAreaSteps());
    this.failures = new FaultPlan(CALLS, SevPlatform::failure, machine.interposer());
    this.rmp = new Rmp(covered(machine.memory().frames()), settings.asids(), RmpChoices.DEFAULT);
    Mailbox mailbox = new Mailbox(failures, machine.trace());
    this.firmware = new SnpFirmware(machine.memory().raw(), rmp, settings.smt(), mailbox);
    this.legacy =
        new LegacyFirmware(
            machine.memory().raw(), new GuestKeys(machine.memory()), settings.asids(), mailbox);
    int firstPlainAsid = Math.max(2, settings.asids() / 4);
    this.host = new SnpHost(machine, rmp, firmware, settings.overlapRetries(), failures);
    this.asids = new AsidPool(firstPlainAsid, settings.asids(), firmware);
    this.snpAsids = new AtomicIntegerArray(settings.asids());
    this.access = new RmpAccess(rmp);
    this.guest = new GuestInstructions(rmp);
    this.guard = new RmpGuard(rmp, machine.memory().directMap(), this::snpAsid);
    FwStatus booted = firmware.init();
    if (!booted.ok()) {
      throw new IllegalStateException("SNP_INIT: " + booted);
    }
  }

  /** Source: {@code arch/x86/kvm/svm/sev.c}, sev_dev_get_attr (7.3). */
  @Override
  public long deviceAttribute(long group, long attribute) {
    if (group != SEV_GROUP) {
      return -Errno.ENXIO.number();
    }
    return switch ((int) attribute) {
      case VMSA_FEATURES ->
          SevInfo.SUPPORTED_FEATURES | (settings.secureTsc() ? SevInfo.SECURE_TSC : 0);
      case SNP_POLICY_BITS -> GuestPolicy.SUPPORTED;
      case SNP_REQ_CERTS -> 1;
      default -> -Errno.ENXIO.number();
    };
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    return new SevVm(this, vm, type);
  }

  @Override
  public PhysicalGuard guard() {
    return guard;
  }

  /** All the memory of a host that has more than is covered anyway, if it can tell how much. */
  private static long covered(long frames) {
    return frames == Long.MAX_VALUE ? COVERED : Math.clamp(frames, COVERED, MOST_COVERED);
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
    return e.words();
  }

  @Override
  public void showFrames(TableSink into) {
    rmp.show(into.table("RMP"));
  }

  @Override
  public List<TrustedCall> trustedCalls() {
    return CALLS;
  }

  @Override
  public Errno plan(TrustedFault fault) {
    return failures.plan(fault);
  }

  /** Returns what is asked before each command and instruction. */
  Interposer failures() {
    return failures;
  }

  private static long failure(TrustedCall call, TrustedFault.How how) {
    return switch (call) {
      case RmpInstruction i -> i.failure(how);
      // The mailbox waits until a command is through: no status says "busy" or "try again".
      default ->
          how == TrustedFault.How.REFUSED ? FwStatus.HWERROR_PLATFORM.code() : Interposer.PROCEED;
    };
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

  /** SEV-ES guests share the low ASIDs with SNP guests; what is in the RMP tells them apart. */
  private boolean snpAsid(int asid) {
    return snpAsids.get(asid) != 0;
  }

  /** Notes that an ASID is an SNP guest's, or is not any more. */
  void bindSnp(int asid, boolean bound) {
    snpAsids.set(asid, bound ? 1 : 0);
  }

  LaunchSteps launchSteps() {
    return launchSteps;
  }

  RmpFaultSteps faultSteps() {
    return faultSteps;
  }

  SaveAreaSteps saveAreaSteps() {
    return saveAreaSteps;
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
