import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Writes what an installation holds as a CycloneDX document: {@code java Sbom.java OUT VERSION
 * FOLDER}.
 */
class Sbom {
  public static void main(String[] args) throws Exception {
    List<String> components = new ArrayList<>();
    try (var files = Files.list(Path.of(args[2]))) {
      for (Path jar : files.filter(f -> f.toString().endsWith(".jar")).sorted().toList()) {
        components.add(component(jar));
      }
    }
    Files.writeString(
        Path.of(args[0]),
        """
        {
          "bomFormat": "CycloneDX",
          "specVersion": "1.6",
          "version": 1,
          "metadata": {
            "component": {
              "type": "application",
              "bom-ref": "cocovisor",
              "name": "cocovisor",
              "version": "%s",
              "licenses": [{"license": {"id": "Apache-2.0"}}]
            }
          },
          "components": [
        %s
          ]
        }
        """
            .formatted(args[1], String.join(",\n", components)));
  }

  private static String component(Path jar) throws Exception {
    String file = jar.getFileName().toString();
    String group = "";
    String name = file.replaceFirst("-\\d.*", "");
    String version =
        file.substring(name.length()).replaceFirst("^-", "").replaceFirst("\\.jar$", "");
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      for (ZipEntry e :
          zip.stream().filter(z -> z.getName().endsWith("/pom.properties")).toList()) {
        Properties p = properties(zip, e);
        if (file.equals(p.getProperty("artifactId") + "-" + p.getProperty("version") + ".jar")) {
          group = p.getProperty("groupId");
          name = p.getProperty("artifactId");
          version = p.getProperty("version");
        }
      }
    }
    String hash =
        HexFormat.of()
            .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(jar)));
    String purl =
        group.isEmpty() ? "" : ", \"purl\": \"pkg:maven/%s/%s@%s\"".formatted(group, name, version);
    return ("    {\"type\": \"library\", \"bom-ref\": \"%s\", \"group\": \"%s\", \"name\": \"%s\","
            + " \"version\": \"%s\"%s, \"hashes\": [{\"alg\": \"SHA-256\", \"content\":"
            + " \"%s\"}]}")
        .formatted(file, group, name, version, purl, hash);
  }

  private static Properties properties(ZipFile zip, ZipEntry entry) throws IOException {
    Properties p = new Properties();
    try (var in = zip.getInputStream(entry)) {
      p.load(in);
    }
    return p;
  }
}
