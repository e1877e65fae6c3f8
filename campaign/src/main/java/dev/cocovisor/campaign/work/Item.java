package dev.cocovisor.campaign.work;

/**
 * A piece of work that one member makes in one go.
 *
 * @param task the number of its task
 * @param what the part of the task: the rule of a kit, the round of programs and their seeds, the
 *     beginning of a search and a portion of it
 */
public record Item(int task, String what) {
  /** Reads what {@link #toString} wrote. */
  public static Item parse(String text) {
    int bar = text.indexOf('|');
    return new Item(Integer.parseInt(text.substring(0, bar)), text.substring(bar + 1));
  }

  @Override
  public String toString() {
    return task + "|" + what;
  }
}
