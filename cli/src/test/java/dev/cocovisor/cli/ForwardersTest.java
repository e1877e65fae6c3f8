package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * What stands before another object hands on every question. One that it forgets is answered by the
 * interface's default instead, and nothing says so.
 */
class ForwardersTest {
  /** Interfaces with defaults that a wrapper must not fall back on. */
  private static boolean isContract(JavaClass i) {
    return i.isInterface()
        && (i.getPackageName().startsWith("dev.cocovisor.api")
            || i.getPackageName().startsWith("dev.cocovisor.core"))
        && i.getMethods().stream().anyMatch(m -> !m.getModifiers().toString().contains("ABSTRACT"));
  }

  /** The contracts that a class implements around another object of the same, which it is given. */
  private static List<JavaClass> wrapped(JavaClass c) {
    if (c.isInterface()) {
      return List.of();
    }
    return c.getAllRawInterfaces().stream()
        .filter(ForwardersTest::isContract)
        .filter(i ->
            c.getConstructors().stream()
                .flatMap(k -> k.getRawParameterTypes().stream())
                .anyMatch(p -> p.isAssignableTo(i.getName())))
        .toList();
  }

  @Test
  void nothingIsLeftToADefault() throws ClassNotFoundException {
    var forgotten = new TreeSet<String>();
    var seen = new ArrayList<String>();
    var classes =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.cocovisor");
    for (JavaClass c : classes) {
      for (JavaClass i : wrapped(c)) {
        seen.add(c.getSimpleName());
        Class<?> type = Class.forName(c.getName());
        for (Method m : Class.forName(i.getName()).getMethods()) {
          // What answers another of its own kind combines two and is no question.
          boolean asks = m.isDefault() && !m.getReturnType().getName().equals(i.getName());
          if (asks && isDefaultIn(type, m)) {
            forgotten.add(c.getName() + ": " + m.getName());
          }
        }
      }
    }
    assertThat(seen).contains("DecoratedBackend", "PluginVmm", "WitnessContext", "GuardedOps");
    assertThat(forgotten).isEmpty();
  }

  private static boolean isDefaultIn(Class<?> type, Method m) {
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      try {
        var _ = c.getDeclaredMethod(m.getName(), m.getParameterTypes());
        return false;
      } catch (NoSuchMethodException e) {
        // Perhaps its superclass does.
      }
    }
    return true;
  }
}
