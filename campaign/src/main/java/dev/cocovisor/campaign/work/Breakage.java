package dev.cocovisor.campaign.work;

/**
 * Something that broke.
 *
 * @param kind what kind of thing, numbers left out
 * @param where what was done when it broke, and on which technology
 * @param what what broke, in words
 * @param suffix of the file that shows it
 * @param text that file's text: `cocovisor run`, `replay` or `tck` of it, as its first line says,
 *     shows it again
 */
public record Breakage(String kind, String where, String what, String suffix, String text) {
  /** Returns by what findings are one: what broke and where. */
  public String identity() {
    return kind + "\n" + where;
  }
}
