package dev.cocovisor.junit;

import dev.cocovisor.vmm.Technology;
import dev.cocovisor.vmm.checked.GuestVm;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.HierarchyTraversalMode;

/** What a test's annotations ask for, its class's and its enclosing classes' included. */
final class Demands {
  private final Method test;
  private final List<Class<?>> classes = new ArrayList<>();

  Demands(Method test, Class<?> testClass) {
    this.test = test;
    for (Class<?> c = testClass; c != null; c = c.getEnclosingClass()) {
      classes.add(c);
    }
  }

  /** Returns the description of a guest, null if nobody describes it. */
  @Nullable CocoVm guest(Parameter parameter) {
    CocoVm own = parameter.getAnnotation(CocoVm.class);
    if (own != null || parameter.getType() != GuestVm.class) {
      return own;
    }
    return AnnotationSupport.findAnnotation(parameter.getDeclaringExecutable(), CocoVm.class)
        .or(() -> AnnotationSupport.findAnnotation(test, CocoVm.class))
        .orElseGet(() -> onClass());
  }

  private @Nullable CocoVm onClass() {
    for (Class<?> c : classes) {
      CocoVm found = AnnotationSupport.findAnnotation(c, CocoVm.class).orElse(null);
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  /** Returns the technologies the host needs, in the order they are asked for. */
  List<String> backends() {
    SequencedSet<String> ids = new LinkedHashSet<>();
    addGuests(test, ids);
    for (Class<?> c : classes) {
      for (Class<? extends java.lang.annotation.Annotation> kind :
          List.of(BeforeEach.class, AfterEach.class)) {
        AnnotationSupport.findAnnotatedMethods(c, kind, HierarchyTraversalMode.TOP_DOWN)
            .forEach(m -> addGuests(m, ids));
      }
    }
    for (CocoHost h : hosts()) {
      ids.addAll(List.of(h.backends()));
    }
    ids.remove(Technology.SW_PROTECTED.id());
    ids.remove(Technology.DEFAULT.id());
    return List.copyOf(ids);
  }

  private void addGuests(Method method, SequencedSet<String> ids) {
    for (Parameter p : method.getParameters()) {
      CocoVm guest = guest(p);
      if (guest != null) {
        ids.add(guest.backend());
      }
    }
  }

  /** Returns the settings; an inner description overwrites an outer one. */
  Map<String, String> settings() {
    Map<String, String> all = new LinkedHashMap<>();
    for (CocoHost h : hosts().reversed()) {
      for (String setting : h.settings()) {
        int at = setting.indexOf('=');
        if (at < 1) {
          throw new ParameterResolutionException(
              "@CocoHost(settings = \""
                  + setting
                  + "\") on "
                  + test.getName()
                  + ": name=value expected, as \"core.gmem-order=9\"");
        }
        all.put(setting.substring(0, at), setting.substring(at + 1));
      }
    }
    return all;
  }

  /** The method's description first, then its class's, then those around. */
  private List<CocoHost> hosts() {
    List<CocoHost> found = new ArrayList<>();
    List<AnnotatedElement> places = new ArrayList<>();
    places.add(test);
    places.addAll(classes);
    for (AnnotatedElement e : places) {
      AnnotationSupport.findAnnotation(e, CocoHost.class).ifPresent(found::add);
    }
    return found;
  }
}
