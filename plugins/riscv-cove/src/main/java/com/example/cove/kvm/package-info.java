/**
 * KVM's half of CoVE: VM hooks that turn faults, slots and attributes into calls of the TSM. It
 * follows the Linux series for CoVE (arch/riscv/kvm/cove.c of that series), with private memory
 * from a guest_memfd. A VMM's driver for scenarios is here too.
 */
@NullMarked
package com.example.cove.kvm;

import org.jspecify.annotations.NullMarked;
