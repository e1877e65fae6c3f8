package dev.cocovisor.script.call;

import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/**
 * What the model answered to a call, in the notation of the recordings.
 *
 * @param result the return value
 * @param written what was written back into the call's struct, or null
 * @param opened whether the result is a descriptor, which is compared only as open or failed
 */
public record Reply(LogResult result, Value.@Nullable Struct written, boolean opened) {
  public static Reply of(LogResult result) {
    return new Reply(result, null, false);
  }

  /** Returns the call with this answer, as a log would hold it. */
  public LogCall answer(LogCall call) {
    if (written == null) {
      return call.withResult(result);
    }
    var args = new ArrayList<>(call.args());
    if (call.name().equals("fstat")) {
      // fstat only writes: recordings print the struct as the kernel left it.
      args.subList(1, args.size()).clear();
      args.add(written);
      return call.withArgs(args).withResult(result);
    }
    for (int i = 0; i < args.size(); i++) {
      Value before = args.get(i) instanceof Value.Change c ? c.before() : args.get(i);
      if (before instanceof Value.Struct) {
        args.set(i, new Value.Change(before, written));
      }
    }
    return call.withArgs(args).withResult(result);
  }
}
