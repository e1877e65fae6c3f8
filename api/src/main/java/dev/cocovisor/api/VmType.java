package dev.cocovisor.api;

import java.util.List;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * A value of KVM_CREATE_VM's argument.
 *
 * @param name the uAPI name, e.g. {@code KVM_X86_TDX_VM}
 * @param number its number on that architecture
 * @param architecture the host architecture it exists on
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record VmType(String name, long number, Architecture architecture) {
  /**
   * Checks the form of the name and the sign of the number.
   *
   * @throws IllegalArgumentException if the name is not 1 to 64 letters, digits and '_', or the
   *     number is negative
   */
  public VmType {
    if (!Names.anyCase(name, 64)) {
      throw new IllegalArgumentException("VM type '" + name + "': 1 to 64 letters, digits and '_'");
    }
    if (number < 0) {
      throw new IllegalArgumentException("VM type " + name + ": number " + number + " is negative");
    }
  }

  /** Types are compared at every VM's start: no more than needed. */
  @Override
  public boolean equals(@Nullable Object o) {
    return o == this
        || (o instanceof VmType t
            && t.number == number
            && t.name.equals(name)
            && t.architecture.equals(architecture));
  }

  @Override
  public int hashCode() {
    return Long.hashCode(number) * 31 + name.hashCode();
  }

  /**
   * An ordinary x86 VM. Source: {@code arch/x86/include/uapi/asm/kvm.h}, like all x86 numbers here.
   */
  public static final VmType X86_DEFAULT = new VmType("KVM_X86_DEFAULT_VM", 0, Architecture.X86_64);

  /** Private memory without any hardware behind it. */
  public static final VmType X86_SW_PROTECTED =
      new VmType("KVM_X86_SW_PROTECTED_VM", 1, Architecture.X86_64);

  /** AMD SEV. */
  public static final VmType X86_SEV = new VmType("KVM_X86_SEV_VM", 2, Architecture.X86_64);

  /** AMD SEV-ES. */
  public static final VmType X86_SEV_ES = new VmType("KVM_X86_SEV_ES_VM", 3, Architecture.X86_64);

  /** AMD SEV-SNP. */
  public static final VmType X86_SNP = new VmType("KVM_X86_SNP_VM", 4, Architecture.X86_64);

  /** Intel TDX. */
  public static final VmType X86_TDX = new VmType("KVM_X86_TDX_VM", 5, Architecture.X86_64);

  /** An ordinary arm64 VM. */
  public static final VmType ARM_NORMAL =
      new VmType("KVM_VM_TYPE_ARM_NORMAL", 0, Architecture.ARM64);

  /** A protected VM under pKVM; bit 31. Source: {@code include/uapi/linux/kvm.h}. */
  public static final VmType ARM_PROTECTED =
      new VmType("KVM_VM_TYPE_ARM_PROTECTED", 1L << 31, Architecture.ARM64);

  /** A realm under CCA; bit 30. Source: the KVM CCA series (not merged in the reference kernel). */
  public static final VmType ARM_REALM =
      new VmType("KVM_VM_TYPE_ARM_REALM", 1L << 30, Architecture.ARM64);

  /** The types that the reference kernel's headers, or a series meant for them, name. */
  public static final List<VmType> UAPI =
      List.of(
          X86_DEFAULT,
          X86_SW_PROTECTED,
          X86_SEV,
          X86_SEV_ES,
          X86_SNP,
          X86_TDX,
          ARM_NORMAL,
          ARM_PROTECTED,
          ARM_REALM);
}
