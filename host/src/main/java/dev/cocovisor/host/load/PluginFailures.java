package dev.cocovisor.host.load;

import dev.cocovisor.api.sched.Abandoned;
import dev.cocovisor.core.VendorFailure;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Says of what plugin code throws at run time which plugin it was, where, and what to do. Hooks are
 * guarded by the core, which throws a {@link VendorFailure}; {@link #finding} puts it in words.
 */
public final class PluginFailures {
  private final String pluginId;
  private final String backendId;

  PluginFailures(String pluginId, String backendId) {
    this.pluginId = pluginId;
    this.backendId = backendId;
  }

  /**
   * Returns what to throw instead of something that plugin code threw. What another part of the
   * house threw through it is handed on as it is.
   *
   * @param where the hook or method that was called
   * @throws Abandoned if {@code thrown} is one: the run ends, nobody failed
   */
  RuntimeException in(String where, Throwable thrown) {
    return switch (thrown) {
      case HostException known -> known;
      case VendorFailure known -> known;
      case Abandoned end -> throw end;
      default -> new HostException(finding(pluginId, backendId, where, thrown), thrown);
    };
  }

  /**
   * Returns the finding for a backend that threw where it should have answered.
   *
   * @param plugin the plugin that brought it, null where it is the program's own
   */
  public static PluginFinding finding(VendorFailure failure, @Nullable String plugin) {
    Throwable cause = failure.getCause() == null ? failure : failure.getCause();
    return finding(plugin, failure.backend(), failure.hook(), cause);
  }

  private static PluginFinding finding(
      @Nullable String plugin, String backend, String where, Throwable thrown) {
    return new PluginFinding(
        FindingCode.PLUGIN_FAILS,
        plugin == null ? backend : plugin,
        (plugin == null ? "the backend failed in " + where : "the plugin failed in " + where)
            + (plugin == null ? "" : " of backend " + backend),
        said(thrown) + place(thrown),
        "a hook answers with an errno and throws nothing: report this to its author"
            + (plugin == null ? "" : "; until then: cocovisor plugins disable " + plugin),
        List.of());
  }

  /** Makes a call into plugin code that is not on a fault's path. */
  <T> T call(String where, Supplier<T> call) {
    try {
      return call.get();
    } catch (Throwable t) {
      throw in(where, t);
    }
  }

  /** Makes a call that returns something, which the contract says is never null. */
  <T> T answer(String where, Supplier<@Nullable T> call) {
    T answer = call(where, call);
    if (answer == null) {
      throw in(where, new IllegalStateException("it returned null"));
    }
    return answer;
  }

  static String said(Throwable t) {
    Throwable root = t;
    for (int depth = 0; root.getCause() != null && depth < 50; depth++) {
      root = root.getCause();
    }
    String message;
    try {
      message = root.getMessage();
    } catch (Throwable e) {
      message = null; // an exception of the plugin's own may fail even in that
    }
    return message == null ? root.getClass().getName() : root.getClass().getName() + ": " + message;
  }

  /** Tells whether memory ran out, whatever was made of it on the way. */
  static boolean outOfMemory(Throwable t) {
    Throwable root = t;
    for (int depth = 0; root.getCause() != null && depth < 50; depth++) {
      root = root.getCause();
    }
    return root instanceof OutOfMemoryError;
  }

  private static String place(Throwable t) {
    StackTraceElement[] trace = t.getStackTrace();
    return trace.length == 0
            || trace[0].getFileName() == null
            || trace[0].getClassName().startsWith("dev.cocovisor.host.")
        ? "" // a null that was refused here was made nowhere in particular
        : ", at " + trace[0].getFileName() + ":" + trace[0].getLineNumber();
  }
}
