package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.script.call.CallEncoder;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.ExitValues;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.Outcome;
import java.util.List;

/**
 * Writes how a guest's step ended.
 *
 * <p>{@code OK} where the guest got what it wanted, whatever the architecture calls that; {@code
 * GUEST_STATUS} where an instruction completed and told the guest that it did not do what was
 * asked; the exit's own name otherwise.
 */
final class GuestReplies {
  private final Words words;

  GuestReplies(Words words) {
    this.words = words;
  }

  Reply of(Outcome outcome) {
    return switch (outcome) {
      case Outcome.Answered a -> CallRunner.plain(a.ret());
      case Outcome.Told t -> of(t);
    };
  }

  private Reply of(Outcome.Told t) {
    LogResult zero = LogResult.of(Value.Num.of(0));
    return Reply.of(
        switch (t.answer()) {
          case GuestAnswer.Done d -> zero.with(new LogResult.Exit("OK", fields(t, d)));
          case GuestAnswer.Refused r ->
              zero.with(
                  new LogResult.Exit(
                      "GUEST_STATUS",
                      List.of(
                          Value.Field.of("status", status(r.status())),
                          Value.Field.of("says", new Value.Str(r.says(), false)))));
          case GuestAnswer.AsksHost a -> ended(t.run().errno(), a.exit(), t.action());
          case GuestAnswer.Stopped s -> ended(s.errno(), s.exit(), t.action());
        });
  }

  private List<Value.Field> fields(Outcome.Told t, GuestAnswer.Done done) {
    return switch (t.action()) {
      case GuestAction.Read _ -> List.of(Value.Field.of("value", Value.Num.of(done.value())));
      case GuestAction.Write _, GuestAction.Fetch _ -> List.of();
      default -> ExitValues.of(t.run().exit(), CallEncoder.nameOf(t.action()), words).fields();
    };
  }

  /** A small status reads as a number, one of 64 bits in hex. */
  private static Value status(long status) {
    return status < 0 && status > -4096 ? Value.Num.of(status) : Value.Num.hex(status);
  }

  private LogResult ended(Errno errno, Exit exit, GuestAction action) {
    LogResult result = errno.ok() ? LogResult.of(Value.Num.of(0)) : LogResult.failed(errno.name());
    return result.with(ExitValues.of(exit, CallEncoder.nameOf(action), words));
  }

  /** What is left of a range that was to be mapped, as a place in the VM's memory. */
  static Reply of(Guest.Prefaulted p) {
    var written =
        new Value.Struct(
            List.of(
                Value.Field.of("at", Value.Num.hex(p.at())),
                Value.Field.of("size", Value.Num.hex(p.size()))));
    return new Reply(CallRunner.prefaulted(p.ret(), p.neverReturns()), written, false);
  }
}
