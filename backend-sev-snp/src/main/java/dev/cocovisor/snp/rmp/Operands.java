package dev.cocovisor.snp.rmp;

/**
 * The operands of a command or instruction, as traces write them: {@code gctx=0x1000, asid=0x3}.
 */
public final class Operands {
  private Operands() {}

  /** Returns how many names there are in a list of them. */
  public static int count(String names) {
    return names.isEmpty() ? 0 : names.split(" ", -1).length;
  }

  /**
   * Renders operands.
   *
   * @param names their names, a blank between two
   * @param values what they are, in the same order; what has no name is left out
   */
  public static String render(String names, long... values) {
    if (names.isEmpty()) {
      return "";
    }
    StringBuilder s = new StringBuilder();
    String[] each = names.split(" ", -1);
    for (int i = 0; i < each.length; i++) {
      s.append(i == 0 ? "" : ", ").append(each[i]);
      s.append("=0x").append(Long.toHexString(values[i]));
    }
    return s.toString();
  }
}
