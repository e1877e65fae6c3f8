package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;

/** I: who a backend says it is. */
public interface IdentityRules extends Kit {
  /** Info is a value. */
  @Rule(id = "I01", source = "api, Backend.info: always an equal value, never null")
  default void required_I01_infoIsAlwaysTheSameValue() {
    BackendInfo first = subject().backend().info();
    claim(first != null, "info() answered null");
    same(first, subject().backend().info(), "a second info()");
    claim(!first.version().isBlank(), "the version is blank");
    claim(!first.description().isBlank(), "the description is blank");
  }

  /** The VMM and the backend agree. */
  @Rule(id = "I02", source = "api, VmmDriver.vmType: KVM_CREATE_VM's argument")
  default void required_I02_theVmmAsksForATypeThatTheBackendHas() {
    claim(
        subject().backend().info().vmTypes().stream()
            .anyMatch(t -> t.number() == subject().driver().vmType()),
        "the VMM asks for type " + subject().driver().vmType() + ", which the backend lacks");
  }

  /** Types belong to the host. */
  @Rule(id = "I03", source = "api, VmType.architecture")
  default void required_I03_everyVmTypeIsOfTheBackendsArchitecture() {
    BackendInfo info = subject().backend().info();
    info.vmTypes()
        .forEach(t -> same(info.architecture(), t.architecture(), "architecture of " + t.name()));
  }

  /** Core types are taken. */
  @Rule(id = "I04", source = "arch/x86/include/uapi/asm/kvm.h: types 0 and 1 are KVM's own")
  default void required_I04_noVmTypeIsOneOfTheCoresOwn() {
    BackendInfo info = subject().backend().info();
    info.vmTypes()
        .forEach(t ->
            claim(
                !t.architecture().equals(Architecture.X86_64) || t.number() < 0 || t.number() > 1,
                t.name() + " has a number of KVM's"));
    same(
        info.vmTypes().size(),
        (int) info.vmTypes().stream().mapToLong(t -> t.number()).distinct().count(),
        "distinct type numbers");
  }

  /** Settings carry help. */
  @Rule(id = "I05", source = "api, Setting: a line of help, and a default that it takes itself")
  default void required_I05_everySettingHasALineOfHelpAndTakesItsOwnDefault() {
    for (Setting s : subject().backend().info().settings()) {
      claim(!s.help().isBlank() && !s.help().contains("\n"), "help of " + s.name());
      try {
        var _ = s.checked(s.byDefault());
      } catch (IllegalArgumentException e) {
        throw new AssertionError("the default of " + s.name() + " is refused", e);
      }
    }
  }

  /** Traits make sense. */
  @Rule(id = "I06", source = "api, VmTraits; virt/kvm/kvm_main.c, kvm_arch_has_private_mem")
  default void required_I06_traitsFitTogether() {
    onBench(bench -> {
      bench.prepare(MEMORY);
      VmTraits t = bench.witness().vm(0).traits();
      claim(
          t.hasPrivateMemory() || t.privateRule() == PrivateRule.ALWAYS,
          "a confidential VM has private memory");
      claim(
          t.shape() != StageShape.MIRRORED || t.sharedGfnMask() != 0,
          "a mirrored stage tells the halves apart by a gfn bit");
      claim(
          (t.privateRule() == PrivateRule.SHARED_BIT) == (t.sharedGfnMask() != 0),
          "the shared bit and the rule that reads it go together");
      claim(t.maxPrivateLevel().number() <= 3, "no leaf is larger than 1 GiB");
      claim(t.privateRule() != PrivateRule.NEVER, "some access is private");
    });
  }

  /** Traits do not change. */
  @Rule(id = "I07", source = "api, MappingOps.traits: constant for the VM's life")
  default void required_I07_traitsStayTheSameThroughTheLaunch() {
    onBench(bench -> {
      TestedGuest guest = bench.create();
      VmTraits first = guest.ops().traits();
      guest.configure(1).plug(MEMORY).ready().finish();
      same(first, guest.ops().traits(), "traits after the launch");
    });
  }

  /** Hosts are apart. */
  @Rule(id = "I08", source = "api, Backend: keeps no state of its own")
  default void required_I08_twoHostsKnowNothingOfEachOther() {
    onBench(one -> {
      TestedGuest a = one.launch(MEMORY);
      a.accept(0, Bench.PAGE).write(0, 0x11, false);
      onBench(two -> {
        TestedGuest b = two.launch(MEMORY);
        b.accept(0, Bench.PAGE);
        same(0, b.read(0, false), "fresh private memory on another host");
        b.write(0, 0x22, false);
      });
      same(0x11, a.read(0, false), "private memory after another host ran");
    });
  }
}
