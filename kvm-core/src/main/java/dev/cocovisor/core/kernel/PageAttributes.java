package dev.cocovisor.core.kernel;

/** Who keeps the attributes of guest pages. */
public enum PageAttributes {
  /** Each VM, by guest frame (KVM_SET_MEMORY_ATTRIBUTES). */
  OF_THE_VM,

  /** Each guest_memfd, by page of the file (KVM_SET_MEMORY_ATTRIBUTES2). */
  OF_THE_FILE
}
