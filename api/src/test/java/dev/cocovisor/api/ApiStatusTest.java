package dev.cocovisor.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apiguardian.api.API;
import org.junit.jupiter.api.Test;

/** Every public type of the api says how stable it is and since when it is there, twice alike. */
class ApiStatusTest {
  private static final Path SOURCES = Path.of("src/main/java");

  /** A Javadoc comment's since, then the annotation's, then the name of the type under both. */
  private static final Pattern DECLARED =
      Pattern.compile(
          "\\* @since (\\S+)\\s+\\*/\\s*(?:@\\w+(?:\\([^)]*\\))?\\s*)*?"
              + "@API\\(status = API\\.Status\\.\\w+, since = \"([^\"]+)\"\\)\\s*"
              + "(?:@\\w+(?:\\([^)]*\\))?(?:\\s*//[^\\n]*)?\\s*)*"
              + "(?:(?:public|static|final|sealed|non-sealed|abstract) )*"
              + "(?:class|interface|record|enum|@interface) (\\w+)");

  @Test
  void everyPublicTypeHasAStatusAndASinceInAnnotationAndJavadoc() throws IOException {
    TreeMap<String, String> wrong = new TreeMap<>();
    int seen = 0;
    for (JavaClass type : publicTypes()) {
      Optional<API> status = type.tryGetAnnotationOfType(API.class);
      if (status.isEmpty()) {
        wrong.put(type.getName(), "has no @API");
        continue;
      }
      String since = status.get().since();
      String documented = documentedSince(type);
      if (!since.matches("0\\.\\d+")) {
        wrong.put(type.getName(), "since \"" + since + "\" is no version");
      } else if (!since.equals(documented)) {
        wrong.put(type.getName(), "@API says " + since + ", Javadoc @since " + documented);
      }
      seen++;
    }
    assertThat(wrong).isEmpty();
    assertThat(seen).isGreaterThan(100);
  }

  private static List<JavaClass> publicTypes() {
    return new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.cocovisor.api")
            .stream()
            .filter(ApiStatusTest::isPublicThroughout)
            .filter(t -> !t.getSimpleName().equals("package-info"))
            .toList();
  }

  private static boolean isPublicThroughout(JavaClass type) {
    return type.getModifiers().contains(JavaModifier.PUBLIC)
        && !type.isAnonymousClass()
        && !type.isLocalClass()
        && type.getEnclosingClass().map(ApiStatusTest::isPublicThroughout).orElse(true);
  }

  private static String documentedSince(JavaClass type) throws IOException {
    JavaClass top = type;
    while (top.getEnclosingClass().isPresent()) {
      top = top.getEnclosingClass().get();
    }
    Matcher m =
        DECLARED.matcher(
            Files.readString(SOURCES.resolve(top.getName().replace('.', '/') + ".java")));
    while (m.find()) {
      if (m.group(3).equals(type.getSimpleName())) {
        return m.group(1);
      }
    }
    return "nothing";
  }
}
