package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.PageAttributes;

/** What follows from a VM's type, its vendor's traits and how KVM was loaded; never changes. */
final class VmRules {
  private final VmSettings settings;
  private final ArchRules arch;
  private final int addressSpaces;
  private final int maxLevel;
  private final boolean cachesMmio;
  private final boolean zapsAllOnSlotChange;
  private final boolean alwaysPrivate;
  private final boolean filesKeepAttributes;
  private final long supportedAttributes;

  VmRules(VmType type, VmTraits traits, VmSettings settings, Architecture architecture) {
    boolean x86 = architecture.equals(Architecture.X86_64);
    this.settings = settings;
    this.arch = ArchRules.of(architecture);
    boolean smm = x86 && settings.kernel().on(KernelRules.SMM);
    this.addressSpaces = traits.hasPrivateMemory() || !smm ? 1 : 2;
    this.maxLevel = settings.tdpMmu() ? settings.maxLevel() : Math.min(2, settings.maxLevel());
    this.cachesMmio = x86 && traits.shape() != StageShape.DELEGATED;
    this.zapsAllOnSlotChange = type.equals(VmType.X86_DEFAULT) && settings.slotZapAll();
    this.alwaysPrivate = traits.privateRule() == PrivateRule.ALWAYS;
    this.filesKeepAttributes =
        settings.kernel().on(KernelRules.ATTRIBUTES) == PageAttributes.OF_THE_FILE;
    this.supportedAttributes =
        traits.hasPrivateMemory() && !alwaysPrivate && !filesKeepAttributes
            ? MemoryAttributesIoctl.PRIVATE
            : 0;
  }

  /** One address space where memory can be private, else two: the second is SMM's. */
  int addressSpaces() {
    return addressSpaces;
  }

  /** Returns what the kernel does where kernels differ: ask when a part is made. */
  KernelProfile kernel() {
    return settings.kernel();
  }

  /** Tells whether guest_memfds keep the attributes of their pages. */
  boolean filesKeepAttributes() {
    return filesKeepAttributes;
  }

  boolean emulatesGuests() {
    return settings.emulatesGuests();
  }

  boolean tdpMmu() {
    return settings.tdpMmu();
  }

  /** Returns the largest page mapped; the shadow MMU has no 1 GiB pages. */
  int maxLevel() {
    return maxLevel;
  }

  long maxGfn() {
    return arch.limitsGfns() ? settings.maxGfn() : Long.MAX_VALUE;
  }

  /** Returns what the architecture says. */
  ArchRules arch() {
    return arch;
  }

  int maxVcpus() {
    return Math.min(settings.maxVcpus(), arch.vcpuIds());
  }

  int maxVcpuIds() {
    return Math.min(settings.maxVcpuIds(), arch.vcpuIds());
  }

  boolean cachesMmio() {
    return cachesMmio;
  }

  boolean splitsAllFirst() {
    return settings.splitsAllFirst();
  }

  long memoryFaultBatch() {
    return settings.memoryFaultBatch();
  }

  boolean mapMemoryRefusesGuestMode() {
    return settings.mapMemoryRefusesGuestMode();
  }

  /**
   * Default VMs throw all mappings away when a slot goes or moves (KVM_X86_QUIRK_SLOT_ZAP_ALL);
   * other types zap the slot alone.
   */
  boolean zapsAllOnSlotChange() {
    return zapsAllOnSlotChange;
  }

  /** Tells whether all memory is private, whatever its attributes. */
  boolean alwaysPrivate() {
    return alwaysPrivate;
  }

  long attributeEntries() {
    return settings.attributeEntries();
  }

  long retries() {
    return settings.retries();
  }

  long supportedAttributes() {
    return supportedAttributes;
  }
}
