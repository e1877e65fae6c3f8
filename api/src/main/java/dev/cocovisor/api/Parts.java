package dev.cocovisor.api;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.apiguardian.api.API;

/**
 * Parts that a host has in place of those built in, by the type they are asked for as; immutable.
 *
 * <p>A part is a small class whose methods are steps of the kernel or of a trusted half. Whoever
 * takes the steps asks {@link HostMachine#part} for it once.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class Parts {
  /** None: everything is as it was built. */
  public static final Parts NONE = new Parts(Map.of());

  private final Map<Class<?>, Object> byType;

  private Parts(Map<Class<?>, Object> byType) {
    this.byType = byType;
  }

  /** Returns these with one more, or with another one of its type. */
  public <T> Parts with(Class<T> type, T part) {
    var more = new HashMap<Class<?>, Object>(byType);
    more.put(type, Objects.requireNonNull(part));
    return new Parts(Map.copyOf(more));
  }

  /** Returns the part of a type, or {@code builtIn} where there is none. */
  public <T> T get(Class<T> type, T builtIn) {
    Object found = byType.get(type);
    return found == null ? builtIn : type.cast(found);
  }
}
