package dev.cocovisor.api;

import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * A host architecture. Open: a backend for an architecture nobody thought of declares its own.
 *
 * @param name the name that {@code uname -m} prints: {@code x86_64}, {@code arm64}, {@code s390x}
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record Architecture(String name) {
  /** x86-64: TDP MMU, KVM_EXIT_HLT at the end of an access. */
  public static final Architecture X86_64 = new Architecture("x86_64");

  /** arm64: stage 2, accesses that just complete. */
  public static final Architecture ARM64 = new Architecture("arm64");

  /** RISC-V: G-stage. */
  public static final Architecture RISCV64 = new Architecture("riscv64");

  /** Checks the form of the name. */
  public Architecture {
    if (!Names.lowerCase(name, '_', 2, 32)) {
      throw new IllegalArgumentException(
          "architecture '" + name + "': 2 to 32 lower-case letters, digits and '_'");
    }
  }

  /** Compared at every start and every VM's: no more than needed. */
  @Override
  public boolean equals(@Nullable Object o) {
    return o == this || (o instanceof Architecture a && a.name.equals(name));
  }

  @Override
  public int hashCode() {
    return name.hashCode();
  }

  @Override
  public String toString() {
    return name;
  }
}
