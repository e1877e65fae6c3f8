package dev.cocovisor.host.model;

import com.google.inject.CreationException;
import com.google.inject.spi.Message;
import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.VmType;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Says in words what is wrong with a model, before anything runs on it. */
final class ModelCheck {
  /** What can be bound, for those who bound something else. */
  static final List<String> PARTS =
      List.of(
          "HostConfig",
          "TraceSink",
          "FrameAllocator.Factory",
          "GuestMemfd.Factory",
          "AttributeStore.Factory",
          "SecondStage.Factory",
          "TlbModel.Factory",
          "PageSizePolicy",
          "InvariantChecker",
          "Interposer",
          "@Named(id) Backend");

  private ModelCheck() {}

  /** Two backends of one id: which is meant cannot be told. */
  static void distinct(List<Backend> backends) {
    Map<String, Backend> seen = new LinkedHashMap<>();
    for (Backend b : backends) {
      Backend other = seen.putIfAbsent(b.info().id(), b);
      if (other != null) {
        throw failure(
            FindingCode.DUPLICATE_BACKEND,
            b.info().id(),
            "two backends of the model have this id",
            other.getClass().getName() + " and " + b.getClass().getName(),
            "leave one out; to replace a backend, bind @Named(\""
                + b.info().id()
                + "\") Backend in a module given to override()",
            List.of());
      }
    }
  }

  /** Every backend can create its VMs on this host, and no other takes their type's number. */
  static void fits(Architecture architecture, List<Backend> backends) {
    Map<Long, Backend> byType = new LinkedHashMap<>();
    for (Backend b : backends) {
      if (!b.info().architecture().equals(architecture)) {
        throw failure(
            FindingCode.WRONG_ARCHITECTURE,
            b.info().id(),
            "the backend cannot be on this host",
            "it needs "
                + b.info().architecture()
                + ", the host is "
                + architecture
                + " with "
                + backends.stream().map(x -> x.info().id()).collect(Collectors.joining(", ")),
            "leave it out, or give the model a host of that architecture:"
                + " host(HostConfig.DEFAULT.withArchitecture(…))",
            List.of());
      }
      for (VmType t : b.info().vmTypes()) {
        Backend other = byType.putIfAbsent(t.number(), b);
        if (other != null) {
          throw failure(
              FindingCode.AMBIGUOUS_VM_TYPE,
              t.name(),
              "two backends create VMs of this type",
              other.info().id() + " and " + b.info().id(),
              "leave one out",
              List.of());
        }
      }
    }
  }

  /** Returns the technology whose VMM is to be another one. */
  static Technology technology(Technologies all, String id) {
    Technology found = all.find(id);
    if (found == null) {
      throw failure(
          FindingCode.BAD_MODEL,
          id,
          "the VMM is of no use",
          "the model has no technology of this id",
          "add the backend with backend() or backends() first",
          List.copyOf(all.ids()));
    }
    return found;
  }

  /** Returns a technology whose guests the host creates. */
  static Technology guestOf(Technologies all, String id, Kvm host) {
    Technology found = all.find(id);
    if (found != null && found.runsOn(host)) {
      return found;
    }
    throw failure(
        FindingCode.NO_SUCH_VM_TYPE,
        id,
        "the host has no guests of this kind",
        found == null
            ? "no backend of the model has this id"
            : "its KVM_CREATE_VM answers EINVAL on this host",
        "add the backend to the model, or launch one that is available",
        all.all().stream().filter(t -> t.runsOn(host)).map(Technology::id).toList());
  }

  /** Returns what to throw where Guice could not make the model. */
  static HostException unfit(CreationException e) {
    for (Message m : e.getErrorMessages()) {
      if (m.getCause() instanceof HostException known) {
        return known; // a check of ours inside a provider
      }
    }
    String why =
        e.getErrorMessages().stream()
            .map(Message::getMessage)
            .map(m -> m.strip().lines().findFirst().orElse(""))
            .distinct()
            .collect(Collectors.joining("; "));
    return new HostException(
        new PluginFinding(
            FindingCode.BAD_MODEL,
            "hypervisor model",
            "the parts do not fit together",
            why,
            "bind what is missing in a module given to override(); these can be bound",
            PARTS),
        e);
  }

  static HostException failure(
      FindingCode code,
      String subject,
      String what,
      String why,
      String mend,
      List<String> available) {
    return new HostException(new PluginFinding(code, subject, what, why, mend, available));
  }
}
