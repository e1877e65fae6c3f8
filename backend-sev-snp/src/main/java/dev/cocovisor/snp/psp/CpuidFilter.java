package dev.cocovisor.snp.psp;

/**
 * The firmware's judgement of one CPUID function in a guest's CPUID page.
 *
 * <p>The firmware knows what the processor really reports and refuses more; which leaves it judges
 * how is processor-specific, so it is a setting. {@link #ACCEPT} lets everything through.
 */
@FunctionalInterface
public interface CpuidFilter {
  /** Accepts every value. */
  CpuidFilter ACCEPT = (_, _, _) -> true;

  /**
   * Judges a function and corrects it.
   *
   * @param leaf EAX in
   * @param subleaf ECX in
   * @param registers EAX, EBX, ECX, EDX out; changed in place to what would be accepted
   * @return true if nothing had to be changed
   */
  boolean accept(int leaf, int subleaf, int[] registers);
}
