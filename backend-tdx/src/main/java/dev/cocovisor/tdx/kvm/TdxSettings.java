package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Setting;
import dev.cocovisor.tdx.module.td.TdParams;

/** What a host can be told about TDX. */
final class TdxSettings {
  /** Which huge pages KVM maps; a {@link PagePolicy}. */
  static final Setting POLICY =
      Setting.choice(
          "tdx.page-size-policy",
          "page sizes of private memory",
          PagePolicy.UPSTREAM.setting(),
          PagePolicy.UPSTREAM.setting(),
          PagePolicy.RFC_V1.setting(),
          PagePolicy.V3.setting());

  /** What maps pages while a TD is built; a {@link BuildPopulation}. */
  static final Setting POPULATION =
      Setting.choice(
          "tdx.population",
          "what maps pages at build time; map-memory as the series of 2024",
          BuildPopulation.INIT_MEM_REGION.setting(),
          BuildPopulation.INIT_MEM_REGION.setting(),
          BuildPopulation.MAP_MEMORY.setting());

  /** The width of guest-physical addresses in bits. */
  static final Setting WIDTH =
      Setting.choice("tdx.guest-pa-width", "guest-physical address bits", "48", "48", "52");

  /** How many HKIDs KVM may hand out. */
  static final Setting HKIDS =
      Setting.number("tdx.hkids", "private HKIDs that TDs can have", 47, 1, 47);

  /**
   * How many vCPUs a TD can have: in Linux the machine's processors, of which it is told no more.
   */
  static final Setting MAX_VCPUS =
      Setting.number(
          "tdx.max-vcpus",
          "vCPUs of a TD, the machine's processors in Linux",
          TdParams.MAX_VCPUS,
          1,
          TdParams.MAX_VCPUS);

  /** Whether the host is a Sapphire or Emerald Rapids (X86_BUG_TDX_PW_MCE). */
  static final Setting ERRATUM =
      Setting.flag(
          "tdx.partial-write-erratum",
          "processor on which KVM clears every page that leaves a TD",
          true);

  static final String AUTO = "auto";

  /** Whether the module's PAMT entries of 4 KiB are the host's to give. */
  static final Setting DYNAMIC_PAMT =
      Setting.flag(
          "tdx.dynamic-pamt",
          "PAMT pages for 4 KiB only where a TD has such pages, as the series of 2025 and 2026",
          false);

  /** What KVM holds of mapped folios; a {@link FolioReferences}. */
  static final Setting REFERENCES =
      Setting.choice(
          "tdx.folio-references",
          "references to mapped folios; auto: none, mapped (rfc-v1), on-error (v3, in place)",
          AUTO,
          AUTO,
          FolioReferences.NONE.setting(),
          FolioReferences.MAPPED.setting(),
          FolioReferences.ON_ERROR.setting());

  /** Whether the module's DEMOTE gives way to host interrupts. */
  static final Setting DEMOTE =
      Setting.choice(
          "tdx.interruptible-demote",
          "whether a split can be interrupted; auto: not with v3, which maps no huge pages if so",
          AUTO,
          AUTO,
          "yes",
          "no");

  /** Whether a vCPU needs KVM's local APIC. */
  static final Setting SPLIT_IRQCHIP =
      Setting.flag(
          "tdx.split-irqchip",
          "a vCPU is EINVAL before KVM_CAP_SPLIT_IRQCHIP, as in Linux; false: taken for granted",
          false);

  /** All of them, in the order they are listed. */
  static final Setting[] ALL = {
    POLICY,
    POPULATION,
    WIDTH,
    HKIDS,
    ERRATUM,
    DEMOTE,
    REFERENCES,
    DYNAMIC_PAMT,
    SPLIT_IRQCHIP,
    MAX_VCPUS
  };

  private TdxSettings() {}
}
