package dev.cocovisor.script.random;

/**
 * Something that must not happen.
 *
 * @param kind what kind of thing
 * @param text in words that name the VM, page or frame
 * @param step after how many steps of the program it was seen
 */
public record Trouble(Kind kind, String text, int step) {
  /** Kinds of trouble. */
  public enum Kind {
    /** An invariant of the core or the trusted half is broken. */
    INVARIANT("a broken invariant"),
    /** A vCPU faults on the same page for ever. */
    STANDSTILL("a vCPU that stands still"),
    /** A VM is declared dead though nothing was made to fail. */
    DEAD("a VM that is dead without a failure"),
    /** Something threw. */
    EXCEPTION("an exception"),
    /** A guest read what it did not write. */
    CONTENT("a page that lost its contents"),
    /** Frames are allocated when everything is closed. */
    LEAK("frames that nobody gave back");

    private final String words;

    Kind(String words) {
      this.words = words;
    }

    @Override
    public String toString() {
      return words;
    }
  }

  /** Tells whether another one is of the same sort: the same words but for the numbers in them. */
  boolean like(Trouble other) {
    return kind == other.kind && plain(text).equals(plain(other.text));
  }

  private static String plain(String text) {
    return text.replaceAll("0x[0-9a-f]+|\\d+", "#");
  }
}
