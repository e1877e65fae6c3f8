package dev.cocovisor.api;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apiguardian.api.API;

/**
 * Named values, in order: how vendor commands and vendor guest actions travel between a call log
 * and a backend, so that neither the core nor the log format has to know them.
 *
 * <p>A value is a {@link Long}, a {@link String} (symbols and quoted text), a {@code List} of
 * values or another {@code Fields}. Mutable while it is built; not thread-safe.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class Fields {
  private final LinkedHashMap<String, Object> values = new LinkedHashMap<>();

  /** Creates an empty set. */
  public Fields() {}

  /** Adds or replaces a value. */
  public Fields put(String name, long value) {
    values.put(name, value);
    return this;
  }

  /** Adds or replaces a value. */
  public Fields put(String name, String value) {
    values.put(name, value);
    return this;
  }

  /** Adds or replaces a value: Long, String, List or Fields. */
  public Fields putAny(String name, Object value) {
    values.put(name, value);
    return this;
  }

  /** Tells whether a value is there. */
  public boolean has(String name) {
    return values.containsKey(name);
  }

  /**
   * Returns a number that must be there.
   *
   * @throws IllegalArgumentException if it is missing or no number; the text names it
   */
  public long number(String name) {
    Object v = values.get(name);
    if (v instanceof Long n) {
      return n;
    }
    throw new IllegalArgumentException(
        v == null ? "field '" + name + "' is missing" : "field '" + name + "' is no number: " + v);
  }

  /** Returns a number, or {@code otherwise} if it is not there. */
  public long number(String name, long otherwise) {
    return values.containsKey(name) ? number(name) : otherwise;
  }

  /** Returns a text, or {@code otherwise} if it is not there; a number comes as decimal text. */
  public String text(String name, String otherwise) {
    Object v = values.get(name);
    return v == null ? otherwise : v.toString();
  }

  /** Returns a list, empty if it is not there. */
  @SuppressWarnings("unchecked")
  public List<Object> list(String name) {
    Object v = values.get(name);
    if (v == null) {
      return List.of();
    }
    if (v instanceof List<?> l) {
      return (List<Object>) l;
    }
    throw new IllegalArgumentException("field '" + name + "' is no list: " + v);
  }

  /** Returns all values in order; a live view. */
  public Map<String, Object> asMap() {
    return java.util.Collections.unmodifiableMap(values);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Fields f && values.equals(f.values);
  }

  @Override
  public int hashCode() {
    return Objects.hashCode(values);
  }

  @Override
  public String toString() {
    return values.toString();
  }
}
