package dev.cocovisor.api;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apiguardian.api.API;

/**
 * Who a backend is and what it offers. Made by {@link #builder}; immutable, equal by value.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class BackendInfo {
  private final String id;
  private final String version;
  private final String description;
  private final Architecture architecture;
  private final List<VmType> vmTypes;
  private final Map<Integer, Integer> capabilities;
  private final List<Setting> settings;

  private BackendInfo(Builder b) {
    id = b.id;
    version = b.version;
    description = b.description;
    architecture = b.architecture;
    vmTypes = List.copyOf(b.vmTypes);
    capabilities = Map.copyOf(b.capabilities);
    settings = List.copyOf(b.settings);
  }

  /**
   * Starts a description.
   *
   * @param id short lower-case name, unique among loaded backends: {@code tdx}, {@code sev-snp}
   * @param architecture the host architecture it needs
   * @throws IllegalArgumentException if the id has another form
   */
  public static Builder builder(String id, Architecture architecture) {
    return new Builder(id, architecture);
  }

  /** Returns the short lower-case name, unique among loaded backends. */
  public String id() {
    return id;
  }

  /** Returns the backend's own version. */
  public String version() {
    return version;
  }

  /** Returns one line for people. */
  public String description() {
    return description;
  }

  /** Returns the host architecture it needs. */
  public Architecture architecture() {
    return architecture;
  }

  /** Returns the VM types it creates; at least one. */
  public List<VmType> vmTypes() {
    return vmTypes;
  }

  /**
   * Returns what {@code KVM_CHECK_EXTENSION} answers beyond the core's own, by capability number.
   */
  public Map<Integer, Integer> capabilities() {
    return capabilities;
  }

  /** Returns the settings its platform and VMs understand, in the order they are listed. */
  public List<Setting> settings() {
    return settings;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof BackendInfo i
        && id.equals(i.id)
        && version.equals(i.version)
        && description.equals(i.description)
        && architecture.equals(i.architecture)
        && vmTypes.equals(i.vmTypes)
        && capabilities.equals(i.capabilities)
        && settings.equals(i.settings);
  }

  @Override
  public int hashCode() {
    return Objects.hash(id, version, architecture, vmTypes);
  }

  @Override
  public String toString() {
    return id + " " + version + " (" + architecture + ", " + vmTypes + ")";
  }

  /**
   * Describes a backend.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public static final class Builder {
    private final String id;
    private final Architecture architecture;
    private String version = "0";
    private String description = "";
    private final List<VmType> vmTypes = new ArrayList<>();
    private final Map<Integer, Integer> capabilities = new LinkedHashMap<>();
    private final List<Setting> settings = new ArrayList<>();

    private Builder(String id, Architecture architecture) {
      if (!Names.lowerCase(id, '-', 1, 64)) {
        throw new IllegalArgumentException(
            "backend id '" + id + "': 1 to 64 lower-case letters, digits, '-'");
      }
      this.id = id;
      this.architecture = architecture;
    }

    /**
     * Sets the backend's own version.
     *
     * @throws IllegalArgumentException if it is no short line of text
     */
    public Builder version(String text) {
      version = OneLine.checked("the version of backend " + id, text);
      return this;
    }

    /**
     * Sets one line for people.
     *
     * @throws IllegalArgumentException if it is longer than 200 characters or has control
     *     characters
     */
    public Builder description(String line) {
      description = OneLine.checked("the description of backend " + id, line);
      return this;
    }

    /** Adds VM types it creates. */
    public Builder vmTypes(VmType... types) {
      vmTypes.addAll(List.of(types));
      return this;
    }

    /** Makes {@code KVM_CHECK_EXTENSION} answer {@code value} for a capability. */
    public Builder capability(int number, int value) {
      capabilities.put(number, value);
      return this;
    }

    /**
     * Adds settings.
     *
     * @throws IllegalArgumentException if one is not named by the backend's id, a dot and a name
     */
    public Builder settings(Setting... more) {
      for (Setting s : more) {
        if (!s.name().startsWith(id + ".")) {
          throw new IllegalArgumentException(
              "setting '" + s.name() + "' of backend " + id + ": " + id + ".NAME expected");
        }
        settings.add(s);
      }
      return this;
    }

    /**
     * Makes the description.
     *
     * @throws IllegalArgumentException if there is no VM type
     */
    public BackendInfo build() {
      if (vmTypes.isEmpty()) {
        throw new IllegalArgumentException("backend " + id + " offers no VM type");
      }
      return new BackendInfo(this);
    }
  }
}
