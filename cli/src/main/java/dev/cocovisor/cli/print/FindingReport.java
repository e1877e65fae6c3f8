package dev.cocovisor.cli.print;

import dev.cocovisor.host.finding.PluginFinding;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** How findings are printed by every command. */
public final class FindingReport {
  private FindingReport() {}

  /** Prints findings to standard error; returns the exit code they ask for. */
  public static int print(Console console, List<PluginFinding> findings) {
    boolean bad = false;
    for (PluginFinding f : findings) {
      console.err().println(f.text());
      bad |= f.code().error();
    }
    return bad ? ExitCode.PLUGIN : ExitCode.CLEAN;
  }

  public static List<Object> documents(List<PluginFinding> findings) {
    List<Object> list = new ArrayList<>();
    for (PluginFinding f : findings) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("id", f.code().id());
      one.put("kind", f.code().name());
      one.put("error", f.code().error());
      one.put("subject", f.subject());
      one.put("what", f.what());
      one.put("why", f.why());
      one.put("mend", f.mend());
      one.put("available", f.available());
      list.add(one);
    }
    return list;
  }
}
