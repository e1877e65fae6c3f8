package dev.cocovisor.live.kvm;

import dev.cocovisor.live.agent.Agent;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.List;

/** Writes what the kernel answered as recordings do. */
final class Replies {
  private Replies() {}

  /** A number, or an error by its name. */
  static Reply plain(long ret) {
    return Reply.of(ret < 0 ? LogResult.failed(ErrorNames.of(-ret)) : number(ret));
  }

  /** An address, or an error by its name. */
  static Reply address(long ret) {
    return ret < 0 && ret > -4096 ? plain(ret) : Reply.of(LogResult.of(Value.Num.hex(ret)));
  }

  /** A load or store: a byte, or the signal. */
  static Reply touched(long ret) {
    if (ret == Agent.SIGBUS) {
      return Reply.of(LogResult.failed("SIGBUS"));
    }
    return ret == Agent.SIGSEGV ? Reply.of(LogResult.failed("SIGSEGV")) : plain(ret);
  }

  /** A number, and what was written back. */
  static Reply written(long ret, Value.Field... fields) {
    return new Reply(plain(ret).result(), new Value.Struct(List.of(fields)), false);
  }

  /** How many bytes the kernel read, and the first of them. */
  static Reply bytes(long ret, int first) {
    return ret < 0
        ? plain(ret)
        : Reply.of(
            number(ret)
                .with(
                    new LogResult.Exit("", List.of(Value.Field.of("byte", Value.Num.of(first))))));
  }

  private static LogResult number(long n) {
    return LogResult.of(Value.Num.of(n));
  }
}
