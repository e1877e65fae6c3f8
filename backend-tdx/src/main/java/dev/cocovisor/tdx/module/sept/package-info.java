/**
 * Secure EPT tables and their entries, bit for bit. An entry's state is encoded in bits the guest's
 * hardware ignores, and its lock is one of them. Who may change an entry is decided above.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.tdx.module.sept;
