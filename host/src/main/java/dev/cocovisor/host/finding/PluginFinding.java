package dev.cocovisor.host.finding;

import java.util.List;

/**
 * One thing found wrong: what, why, how to mend it, and what there is instead.
 *
 * @param code the kind, with its stable id
 * @param subject the file or id concerned
 * @param what one sentence without a full stop
 * @param why the cause, as exactly as it is known
 * @param mend what the reader can do
 * @param available what could have been asked for; empty where that makes no sense
 */
public record PluginFinding(
    FindingCode code,
    String subject,
    String what,
    String why,
    String mend,
    List<String> available) {
  /** Keeps immutable copies that a terminal can print, whoever wrote what is quoted in them. */
  public PluginFinding {
    subject = Printable.of(subject);
    what = Printable.of(what);
    why = Printable.of(why);
    mend = Printable.of(mend);
    available = available.stream().map(Printable::of).toList();
  }

  /** Returns the finding as people read it: three or four lines without a line end. */
  public String text() {
    String head =
        code.id() + (code.error() ? " error: " : " warning: ") + subject + ": " + what + "\n";
    String body = "  why:  " + why + "\n  mend: " + mend;
    return head
        + body
        + (available.isEmpty() ? "" : "\n  available: " + String.join(", ", available));
  }

  @Override
  public String toString() {
    return text();
  }
}
