package dev.cocovisor.tdx.module.abi;

/**
 * Says whether an interrupt is pending when a long call looks.
 *
 * <p>The module polls between the 4 KiB steps of a 2 MiB ACCEPT and once before DEMOTE and PROMOTE
 * commit. One source serves one logical processor.
 */
@FunctionalInterface
public interface PendingInterrupts {
  /** No interrupt is ever pending. */
  PendingInterrupts NONE = () -> false;

  /** Polls once. */
  boolean poll();
}
