package dev.cocovisor.host.model;

import com.google.inject.Binding;
import com.google.inject.Injector;
import com.google.inject.Key;
import com.google.inject.Module;
import com.google.inject.Stage;
import com.google.inject.name.Named;
import com.google.inject.spi.Dependency;
import com.google.inject.spi.Element;
import com.google.inject.spi.Elements;
import com.google.inject.spi.HasDependencies;
import com.google.inject.spi.ProviderLookup;
import dev.cocovisor.api.Nearest;
import dev.cocovisor.host.finding.FindingCode;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Refuses overriding modules that change nothing: one without bindings, and a binding of a type of
 * this house that replaces none of the core's and that nobody asks for. Types of the user's own may
 * be bound freely; {@link HypervisorModel#part} gives them out.
 */
final class OverrideCheck {
  private final Set<Key<?>> replaceable;
  private final List<Module> modules;

  /**
   * Prepares the check.
   *
   * @param core what a model has without overrides
   * @param modules what users gave to override()
   */
  OverrideCheck(Module core, List<Module> modules) {
    this.replaceable = keys(Elements.getElements(Stage.TOOL, core));
    this.modules = modules;
  }

  /**
   * Checks against the model that came of it.
   *
   * @throws dev.cocovisor.host.finding.HostException COCO-P036
   */
  void used(Injector injector) {
    if (modules.isEmpty()) {
      return;
    }
    Set<Key<?>> asked = new HashSet<>();
    for (Binding<?> b : injector.getAllBindings().values()) {
      if (b instanceof HasDependencies needs) {
        for (Dependency<?> d : needs.getDependencies()) {
          asked.add(d.getKey());
        }
      }
    }
    for (Module m : modules) {
      List<Element> elements = Elements.getElements(Stage.TOOL, m);
      if (elements.isEmpty()) {
        throw ModelCheck.failure(
            FindingCode.USELESS_OVERRIDE,
            m.getClass().getName(),
            "the module given to override() binds nothing",
            "its configure() makes no binding and it has no @Provides method",
            "bind what it is to replace, or leave it out; these can be bound",
            ModelCheck.PARTS);
      }
      for (Key<?> key : keys(elements)) {
        if (ours(key) && !replaceable.contains(key) && !asked.contains(key)) {
          throw useless(key);
        }
      }
    }
  }

  private static Set<Key<?>> keys(List<Element> elements) {
    Set<Key<?>> keys = new HashSet<>();
    for (Element e : elements) {
      if (e instanceof Binding<?> b) {
        keys.add(b.getKey());
      } else if (e instanceof ProviderLookup<?> l) {
        keys.add(l.getKey());
      }
    }
    return keys;
  }

  /** A type of the model, its core or its contracts; sets of them are told by their elements. */
  private static boolean ours(Key<?> key) {
    String name = key.getTypeLiteral().getRawType().getName();
    Class<?> annotation = key.getAnnotationType();
    boolean guices = // the mark of a set's element
        annotation != null
            && annotation != Named.class
            && annotation.getName().startsWith("com.google.inject.");
    return !guices
        && (name.startsWith("dev.cocovisor.api.") || name.startsWith("dev.cocovisor.core."));
  }

  private RuntimeException useless(Key<?> key) {
    String written = written(key);
    TreeMap<String, Key<?>> known = new TreeMap<>();
    replaceable.stream().filter(OverrideCheck::ours).forEach(k -> known.put(written(k), k));
    String meant = meant(key, written, known);
    return ModelCheck.failure(
        FindingCode.USELESS_OVERRIDE,
        written,
        "the binding is of no use",
        "it replaces no part of the model, and nobody asks for it",
        meant == null
            ? "bind one of the parts there are, or leave it out"
            : "did you mean " + meant + "?",
        List.copyOf(known.keySet()));
  }

  private static @Nullable String meant(Key<?> key, String written, Map<String, Key<?>> known) {
    Class<?> type = key.getTypeLiteral().getRawType();
    for (var e : known.entrySet()) {
      Class<?> other = e.getValue().getTypeLiteral().getRawType();
      if (other == type || other.getEnclosingClass() == type || type.getEnclosingClass() == other) {
        return e.getKey();
      }
    }
    return Nearest.to(written, known.keySet());
  }

  /** Returns a key as one reads it: the annotation, and the type without its package. */
  private static String written(Key<?> key) {
    String name = key.getTypeLiteral().getRawType().getName();
    String type = name.substring(name.lastIndexOf('.') + 1).replace('$', '.');
    if (key.getAnnotation() instanceof Named named) {
      return "@Named(\"" + named.value() + "\") " + type;
    }
    Class<?> annotation = key.getAnnotationType();
    return annotation == null ? type : "@" + annotation.getSimpleName() + " " + type;
  }
}
