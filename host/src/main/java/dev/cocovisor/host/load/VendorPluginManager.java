package dev.cocovisor.host.load;

import dev.cocovisor.host.pack.ApiVersion;
import dev.cocovisor.host.pack.Unpacking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.pf4j.CompoundPluginLoader;
import org.pf4j.DefaultPluginLoader;
import org.pf4j.DefaultPluginManager;
import org.pf4j.JarPluginLoader;
import org.pf4j.PluginClassLoader;
import org.pf4j.PluginDescriptor;
import org.pf4j.PluginLoader;
import org.pf4j.PluginStatusProvider;
import org.pf4j.PluginWrapper;

/**
 * PF4J set up for backends. What differs from its defaults, and why:
 *
 * <ul>
 *   <li>The parent of a plugin's class loader shows the api and the JDK only ({@link
 *       ApiClassLoader}), and the api always comes from there: PF4J asks the plugin's own jars
 *       first, and a package that carries the api's classes would get a {@code Backend} that is not
 *       the host's.
 *   <li>The system version is set; without it {@code Plugin-Requires} is ignored.
 *   <li>{@link #stopAll} stops a reversed copy one by one: {@code stopPlugins()} of 3.15.0 changes
 *       the list it walks.
 *   <li>Zips are never unpacked by PF4J, which would do so over leftovers: {@link Unpacking}.
 * </ul>
 */
final class VendorPluginManager extends DefaultPluginManager {
  VendorPluginManager(Path folder) {
    super(folder);
    setSystemVersion(ApiVersion.release());
  }

  // Which plugins are off is the registry's to say, folder by folder: DisabledList.
  @Override
  protected PluginStatusProvider createPluginStatusProvider() {
    return new PluginStatusProvider() {
      @Override
      public boolean isPluginDisabled(String pluginId) {
        return false;
      }

      @Override
      public void disablePlugin(String pluginId) {}

      @Override
      public void enablePlugin(String pluginId) {}
    };
  }

  // Called from the constructor of a base class: it must not touch fields of this one.
  @Override
  protected PluginLoader createPluginLoader() {
    return new CompoundPluginLoader()
        .add(
            new DefaultPluginLoader(this) {
              @Override
              protected PluginClassLoader createPluginClassLoader(
                  Path path, PluginDescriptor descriptor) {
                return loader(descriptor);
              }
            })
        .add(
            new JarPluginLoader(this) {
              @Override
              public ClassLoader loadPlugin(Path path, PluginDescriptor descriptor) {
                PluginClassLoader loader = loader(descriptor);
                loader.addFile(path.toFile());
                return loader;
              }
            });
  }

  private PluginClassLoader loader(PluginDescriptor descriptor) {
    return new PluginClassLoader(
        this, descriptor, new ApiClassLoader(VendorPluginManager.class.getClassLoader())) {
      @Override
      protected boolean shouldDelegateToParent(String className) {
        return ApiClassLoader.isApi(className) || super.shouldDelegateToParent(className);
      }
    };
  }

  /** Stops and unloads everything, dependents first. */
  void stopAll() {
    List<PluginWrapper> started = new ArrayList<>(getStartedPlugins());
    Collections.reverse(started);
    for (PluginWrapper plugin : started) {
      stopPlugin(plugin.getPluginId());
    }
    List<PluginWrapper> loaded = new ArrayList<>(getResolvedPlugins());
    Collections.reverse(loaded);
    for (PluginWrapper plugin : loaded) {
      unloadPlugin(plugin.getPluginId());
    }
  }
}
