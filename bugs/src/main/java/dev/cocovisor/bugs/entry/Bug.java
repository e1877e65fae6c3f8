package dev.cocovisor.bugs.entry;

import dev.cocovisor.api.Backend;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.explore.Search;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.function.UnaryOperator;

/**
 * A bug that really happened, as a change of a host's parts.
 *
 * <p>Subclasses say what is changed: {@link #core} parts of the kernel, {@link #backend} the vendor
 * half. Where a bug needs a host that is short of something to show, {@link #surroundings} makes it
 * so, with the bug and without it.
 */
public abstract class Bug {
  private final String id;
  private final Area area;
  private final String technology;
  private final String fix;
  private final String mechanism;

  /**
   * Describes a bug.
   *
   * @param id its number in the table, or a word
   * @param technology the id of the technology that its scenario runs on
   * @param fix the commit that mended it, or what names it
   * @param mechanism what goes wrong, in one sentence
   */
  protected Bug(String id, Area area, String technology, String fix, String mechanism) {
    this.id = id;
    this.area = area;
    this.technology = technology;
    this.fix = fix;
    this.mechanism = mechanism;
  }

  /** Returns its number in the table of known bugs, or a word where it has none. */
  public final String id() {
    return id;
  }

  /** Returns what it is a bug of. */
  public final Area area() {
    return area;
  }

  /** Returns the id of the technology that its scenario runs on. */
  public final String technology() {
    return technology;
  }

  /**
   * Returns the id of the technology on which the compatibility kit can meet it: the kit judges
   * backends, so a bug of the core is met on the hosts of one of them.
   */
  public final String judgedOn() {
    return technology.equals("sw-protected") ? "sev-snp" : technology;
  }

  /** Returns the commit that mended it, or what names it. */
  public final String fix() {
    return fix;
  }

  /** Returns what goes wrong, in one sentence. */
  public final String mechanism() {
    return mechanism;
  }

  /** Returns the parts of a host with the bug in them. */
  protected CoreParts core(CoreParts parts) {
    return parts;
  }

  /** Returns a backend with the bug in it. */
  protected Backend backend(Backend backend) {
    return backend;
  }

  /** Returns the parts of a host on which the bug can show, without the bug. */
  protected CoreParts surroundings(CoreParts parts) {
    return parts;
  }

  /** Returns how its scenario is explored, if it names actors. */
  public Search search() {
    return new Search.Preemptions(2);
  }

  /** Tells whether an answer that no order of whole calls gives shows the bug. */
  public boolean answersMatter() {
    return true;
  }

  /** Returns a backend on which the bug can show, without the bug. */
  protected Backend around(Backend backend) {
    return backend;
  }

  private Technologies changed(Technologies all, UnaryOperator<Backend> change) {
    Technology t = all.find(technology);
    Backend b = t == null ? null : t.backend();
    return t == null || b == null
        ? all
        : all.with(new Technology(t.id(), t.description(), change.apply(b), t.driver()));
  }

  /** Returns technologies on whose hosts the bug is. */
  public final Technologies putInto(Technologies all) {
    return changed(all, b -> backend(around(b)))
        .withHosts((config, backends, trace) ->
            new Kvm(config, backends, trace, core(surroundings(CoreParts.DEFAULT))));
  }

  /** Returns technologies on whose hosts the bug could be, and is not. */
  public final Technologies leaveOut(Technologies all) {
    return changed(all, this::around)
        .withHosts((config, backends, trace) ->
            new Kvm(config, backends, trace, surroundings(CoreParts.DEFAULT)));
  }

  /** Returns the name of its scenario. */
  public final String scenarioName() {
    return id.toLowerCase(Locale.ROOT) + "." + suffix();
  }

  /** Returns the suffix of its scenario's name. */
  protected String suffix() {
    return "kvmlog";
  }

  /** Returns the text of its scenario. */
  public String scenario() {
    String at = "/dev/cocovisor/bugs/" + scenarioName();
    try (InputStream in = Bug.class.getResourceAsStream(at)) {
      if (in == null) {
        throw new IllegalStateException("no scenario " + at);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public final String toString() {
    return id + ": " + mechanism;
  }
}
