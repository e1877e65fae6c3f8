package dev.cocovisor.host.pack;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What lies in plugin folders, read without running any of it.
 *
 * @param plugins every package in folder order; FAILED stands for what is yet to be loaded
 * @param enabled the packages that are not switched off
 * @param findings folders that cannot be read
 */
public record PluginFolders(
    Map<Path, PluginStatus> plugins, List<PluginPackage> enabled, List<PluginFinding> findings) {
  /** Reads folders; one that does not exist has nothing. */
  public static PluginFolders read(List<Path> folders) {
    PluginFolders all =
        new PluginFolders(new LinkedHashMap<>(), new ArrayList<>(), new ArrayList<>());
    for (Path folder : folders) {
      if (Files.isDirectory(folder) && !isEmpty(folder)) {
        all.add(folder);
      }
    }
    return all;
  }

  /** Tells whether a folder has no entry at all; one that cannot be read is not empty. */
  private static boolean isEmpty(Path folder) {
    String[] names = folder.toFile().list();
    return names != null && names.length == 0;
  }

  private void add(Path folder) {
    DisabledList disabled = new DisabledList(folder);
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> packages =
          files.filter(PluginPackage::isPackage).filter(Files::isRegularFile).sorted().toList();
      Unpacking.sweep(folder, packages);
      for (Path file : packages) {
        PluginPackage read = PluginPackage.read(file);
        PluginDescription d = read.description();
        boolean off = d != null && disabled.contains(d.id());
        PluginStatus.State state = off ? PluginStatus.State.DISABLED : PluginStatus.State.FAILED;
        plugins.put(file, new PluginStatus(file, d, state, List.of(), read.findings()));
        if (!off) {
          enabled.add(read);
        }
      }
    } catch (IOException e) {
      findings.add(
          new PluginFinding(
              FindingCode.UNREADABLE_FOLDER,
              folder.toString(),
              "the plugin folder cannot be read",
              String.valueOf(e.getMessage()),
              "check its permissions, or leave it out",
              List.of()));
    }
  }
}
