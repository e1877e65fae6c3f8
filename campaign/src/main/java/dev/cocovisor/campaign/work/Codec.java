package dev.cocovisor.campaign.work;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/** Results as one line of JSON: how members tell them, and how a campaign's folder keeps them. */
public final class Codec {
  private static final ObjectMapper JSON = new JsonMapper();

  private Codec() {}

  /** Returns a result as a line. */
  public static String text(Result result) {
    return JSON.writeValueAsString(result);
  }

  /**
   * Returns the result that a line holds.
   *
   * @throws IllegalArgumentException if it holds something else
   */
  public static Result result(String line) {
    try {
      return JSON.readValue(line, Result.class);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("no result: " + e.getOriginalMessage(), e);
    }
  }

  /** Returns anything else as text: what a campaign's status says. */
  public static String json(Object of) {
    return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(of);
  }
}
