package dev.cocovisor.cli.page;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A headless Chromium with one page, driven by its own protocol; what it complains of is kept. */
final class Browser implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();
  private static final List<String> NAMES =
      List.of("chromium", "chromium-browser", "google-chrome", "headless_shell");

  private final Process process;
  private final WebSocket socket;
  private final BlockingQueue<JsonNode> heard = new LinkedBlockingQueue<>();
  private final List<String> complaints = new ArrayList<>();
  private final String session;
  private int last;

  private Browser(Process process, String address) {
    this.process = process;
    this.socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(URI.create(address), new Ear())
            .join();
    String target =
        call("Target.createTarget", Map.of("url", "about:blank")).get("targetId").asString();
    session =
        call("Target.attachToTarget", Map.of("targetId", target, "flatten", true))
            .get("sessionId")
            .asString();
    for (String domain : List.of("Runtime", "Log", "Page")) {
      call(domain + ".enable", Map.of());
    }
  }

  /** Starts a browser; null where this machine has none. */
  static @Nullable Browser open(Path profile) throws IOException {
    Path program = find();
    if (program == null) {
      return null;
    }
    Process p =
        new ProcessBuilder(
                program.toString(),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--no-first-run",
                "--disable-background-networking",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectErrorStream(true)
            .start();
    BufferedReader said = p.inputReader(StandardCharsets.UTF_8);
    for (String line = said.readLine(); line != null; line = said.readLine()) {
      int at = line.indexOf("ws://");
      if (at >= 0) {
        Thread.ofVirtual().start(() -> said.lines().forEach(_ -> {}));
        return new Browser(p, line.substring(at).strip());
      }
    }
    p.destroy();
    return null;
  }

  private static @Nullable Path find() {
    for (String folder : System.getenv("PATH").split(":", -1)) {
      for (String name : NAMES) {
        Path p = Path.of(folder, name);
        if (Files.isExecutable(p)) {
          return p;
        }
      }
    }
    return null;
  }

  private final class Ear implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean end) {
      text.append(data);
      if (end) {
        heard.add(JSON.readTree(text.toString()));
        text.setLength(0);
      }
      from.request(1);
      return java.util.concurrent.CompletableFuture.completedStage(null);
    }
  }

  private JsonNode call(String method, Map<String, Object> params) {
    int id = ++last;
    var message = new java.util.LinkedHashMap<String, Object>();
    message.put("id", id);
    message.put("method", method);
    message.put("params", params);
    if (id > 2) {
      message.put("sessionId", session);
    }
    var _ = socket.sendText(JSON.writeValueAsString(message), true).join();
    while (true) {
      JsonNode m = next(method);
      if (m.path("id").asInt(-1) == id) {
        if (m.has("error")) {
          throw new AssertionError(method + ": " + m.get("error"));
        }
        return m.get("result");
      }
      note(m);
    }
  }

  private JsonNode next(String waitingFor) {
    try {
      JsonNode m = heard.poll(120, TimeUnit.SECONDS);
      if (m == null) {
        throw new AssertionError("the browser does not answer " + waitingFor);
      }
      return m;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private void note(JsonNode m) {
    JsonNode p = m.path("params");
    switch (m.path("method").asString("")) {
      case "Runtime.exceptionThrown" -> complaints.add(p.path("exceptionDetails").toString());
      case "Runtime.consoleAPICalled" -> {
        if (List.of("error", "warning", "assert").contains(p.path("type").asString(""))) {
          complaints.add(p.path("args").toString());
        }
      }
      case "Log.entryAdded" -> {
        if (p.path("entry").path("level").asString("").equals("error")) {
          complaints.add(p.path("entry").toString());
        }
      }
      default -> {}
    }
  }

  /** Loads a file and waits until its script is through; returns how long that took, in ms. */
  long load(Path file, String hash) {
    call("Page.navigate", Map.of("url", "about:blank"));
    complaints.clear();
    call("Page.navigate", Map.of("url", file.toUri() + hash));
    long began = System.nanoTime();
    while (!evaluate("String(document.body && document.body.dataset.loaded !== undefined)")
        .equals("true")) {
      if (!complaints.isEmpty() || System.nanoTime() - began > 300_000_000_000L) {
        throw new AssertionError("the page does not load: " + complaints);
      }
    }
    return Long.parseLong(evaluate("String(Math.round(performance.now()))"));
  }

  /** Sizes the window. */
  void size(int width, int height) {
    call(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
  }

  /** Evaluates an expression that gives a string. */
  String evaluate(String expression) {
    JsonNode r =
        call(
            "Runtime.evaluate",
            Map.of("expression", expression, "returnByValue", true, "awaitPromise", true));
    if (r.has("exceptionDetails")) {
      throw new AssertionError(expression + ": " + r.get("exceptionDetails"));
    }
    return r.path("result").path("value").asString("");
  }

  /** Presses a key, by its DOM name. */
  void press(String key) {
    for (String type : List.of("keyDown", "keyUp")) {
      var params = new java.util.LinkedHashMap<String, Object>();
      params.put("type", type);
      params.put("key", key);
      if (key.length() == 1 && type.equals("keyDown")) {
        params.put("text", key);
      }
      call("Input.dispatchKeyEvent", params);
    }
  }

  /** Takes a picture of the window. */
  void picture(Path png) throws IOException {
    JsonNode r = call("Page.captureScreenshot", Map.of("format", "png"));
    Files.write(png, Base64.getDecoder().decode(r.get("data").asString()));
  }

  /** Returns what the console complained of since the last call. */
  List<String> complaints() {
    evaluate("''");
    List<String> said = List.copyOf(complaints);
    complaints.clear();
    return said;
  }

  @Override
  public void close() {
    process.destroy();
    try {
      var _ = process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
