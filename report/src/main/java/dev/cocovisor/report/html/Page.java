package dev.cocovisor.report.html;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.GZIPOutputStream;
import tools.jackson.databind.json.JsonMapper;

/**
 * One page that shows runs.
 *
 * <p>The document that it shows is inside it: as plain JSON where it is small, packed where it is
 * not. Opened from a disk it needs nothing else.
 */
public final class Page {
  /** Where a document is longer, it is packed. */
  static final int PLAIN = 1 << 20;

  private static final List<String> SCRIPTS =
      List.of("state.js", "axis.js", "picture.js", "list.js", "page.js");

  private final String title;
  private final List<Map<String, Object>> chips = new ArrayList<>();
  private final Map<String, Object> document = new LinkedHashMap<>();

  /**
   * Begins a page.
   *
   * @param kind the command that made what it shows
   * @param title its heading
   * @param about what is said below it; may be empty
   */
  public Page(String kind, String title, String about) {
    this.title = title;
    document.put("format", "cocovisor.page");
    document.put("version", 1);
    document.put("kind", kind);
    document.put("title", title);
    document.put("about", about);
    document.put("chips", chips);
    document.put("sideBySide", false);
    document.put("runs", List.of());
  }

  /**
   * Adds a word beside the heading.
   *
   * @param tone {@code good}, {@code bad}, or empty
   */
  public Page chip(String text, String tone) {
    chips.add(Map.of("text", text, "tone", tone));
    return this;
  }

  /**
   * Sets the runs, documents of {@code cocovisor.run}.
   *
   * @param sideBySide whether they are steps of one scenario, on one slider; else one is chosen
   */
  public Page runs(List<? extends Map<String, Object>> runs, boolean sideBySide) {
    document.put("runs", runs);
    document.put("sideBySide", sideBySide);
    return this;
  }

  /** Sets a further part of the document: {@code differences}, {@code cases}, {@code findings}. */
  public Page with(String part, Object value) {
    document.put(part, value);
    return this;
  }

  /** Returns the whole page. */
  public String html() {
    String json = new JsonMapper().writeValueAsString(document);
    // Inside a script element only an angle bracket could end it.
    boolean packed = json.length() > PLAIN;
    String inside = packed ? packed(json) : json.replace("<", "\\u003c");
    var script = new StringBuilder("\"use strict\";\n(() => {\n");
    SCRIPTS.forEach(s -> script.append(resource(s)));
    script.append(
        "window.cocovisor = { view, go, find, hit, zoom, fit, pictures: () => pictures };\n");
    script.append("})();");
    var parts = new LinkedHashMap<String, String>();
    parts.put("@TITLE@", escaped(title) + " – cocovisor");
    parts.put("@STYLE@", resource("page.css"));
    parts.put("@SCRIPT@", script.toString());
    parts.put("@TYPE@", packed ? "application/gzip" : "application/json");
    parts.put("@DOCUMENT@", inside);
    String html = resource("page.html");
    var out = new StringBuilder(html.length() + inside.length() + (1 << 16));
    int from = 0;
    for (Map.Entry<String, String> p : sortedByPlace(parts, html)) {
      int at = html.indexOf(p.getKey(), from);
      out.append(html, from, at).append(p.getValue());
      from = at + p.getKey().length();
    }
    return out.append(html, from, html.length()).toString();
  }

  private static List<Map.Entry<String, String>> sortedByPlace(
      Map<String, String> parts, String html) {
    return parts.entrySet().stream()
        .sorted((a, b) -> Integer.compare(html.indexOf(a.getKey()), html.indexOf(b.getKey())))
        .toList();
  }

  private static String packed(String json) {
    var bytes = new ByteArrayOutputStream();
    try (var zip = new GZIPOutputStream(bytes)) {
      zip.write(json.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Base64.getEncoder().encodeToString(bytes.toByteArray());
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  private static String resource(String name) {
    try (InputStream in = Objects.requireNonNull(Page.class.getResourceAsStream(name), name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
