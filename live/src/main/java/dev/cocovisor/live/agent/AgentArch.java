package dev.cocovisor.live.agent;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The processors that the live parts have machine code for, and their system call numbers. */
public enum AgentArch {
  /** x86-64; numbers are those of {@code arch/x86/entry/syscalls/syscall_64.tbl}. */
  X86_64("x86_64", 62, "amd64"),
  /** arm64; numbers are those of {@code include/uapi/asm-generic/unistd.h}. */
  AARCH64("aarch64", 183, "aarch64");

  private final String listing;
  private final int elfMachine;
  private final String javaName;

  AgentArch(String listing, int elfMachine, String javaName) {
    this.listing = listing;
    this.elfMachine = elfMachine;
    this.javaName = javaName;
  }

  /** Returns this machine's processor, or null if there is no code for it. */
  public static @Nullable AgentArch ofThisMachine() {
    String name = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    for (AgentArch p : values()) {
      if (p.javaName.equals(name)) {
        return p;
      }
    }
    return null;
  }

  /** Returns the machine as {@code uname -m} prints it. */
  String listing() {
    return listing;
  }

  /** Returns the number of an ELF file's e_machine. */
  int elfMachine() {
    return elfMachine;
  }

  /** Returns the number of a system call. */
  int numberOf(Syscall call) {
    return this == X86_64 ? call.x86() : call.arm64();
  }
}
