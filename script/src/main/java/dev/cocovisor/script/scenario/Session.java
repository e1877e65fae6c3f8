package dev.cocovisor.script.scenario;

import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.NoProgress;
import dev.cocovisor.script.call.CallArgs;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.LogDescriptors;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One program on a host of its own: carries out its lines in order. Close it, which ends the host.
 *
 * <p>Lines that steer: {@link Step.Backends} names the technologies a scenario is for, {@link
 * Step.On} makes lines count for some of them only; what {@link Step.Expect} says is for the reader
 * of the answers.
 */
public final class Session implements AutoCloseable {
  private final String file;
  private final List<ScenarioLine> program;
  private final Technologies technologies;
  private final HostSetup setup;
  private final TraceSink trace;
  private final Words words;
  private final LogDescriptors fds = new LogDescriptors();
  private final @Nullable String forced;
  private List<String> scenarioFor = List.of();
  private List<String> only = List.of();
  private final LogHabits habits;
  private final UnwrittenSizes sizes;
  private @Nullable CallRunner runner;
  private @Nullable GuestSteps guests;
  private @Nullable MisbehavingHostSteps host;
  private int standstills;

  /**
   * Prepares a program.
   *
   * @param file the log's name, for errors
   * @param program all its lines, which tell what host it needs
   * @param technologies those there are
   * @param technology the id of the one to use, or null for what the program asks for
   * @param settings settings that win over those of the program
   * @param habits what the programs before it in the same log showed
   */
  public Session(
      String file,
      List<ScenarioLine> program,
      Technologies technologies,
      @Nullable String technology,
      Map<String, String> settings,
      LogHabits habits,
      TraceSink trace) {
    this.habits = habits;
    this.file = file;
    this.program = program;
    this.technologies = technologies;
    this.trace = trace;
    this.forced = technology;
    this.words = Words.of(technologies.backends());
    this.setup = new HostSetup(technologies, settings, habits);
    if (technology != null) {
      setup.want(technology);
    }
    program.forEach(l -> setup.look(l.call()));
    long hugePages = HugePagesLeft.in(program);
    if (hugePages >= 0) {
      setup.suppose("core.huge-pages", hugePages);
    }
    habits.read(program);
    this.sizes = new UnwrittenSizes(program);
  }

  /**
   * Carries out the program's line of this index; null if it is not for this technology.
   *
   * @throws LogSyntaxException if the line cannot be carried out as it stands
   */
  public @Nullable Reply step(int index) {
    return checked(program.get(index), index);
  }

  private @Nullable Reply checked(ScenarioLine line, int index) {
    LogCall call = line.call();
    try {
      return step(line, index);
    } catch (HostSetup.Refused e) {
      int column = new CallArgs(file, call, words).columnOf(0, e.field());
      throw new LogSyntaxException(file, call.line(), column, String.valueOf(e.getMessage()));
    } catch (IllegalArgumentException e) {
      // A vendor's command lacks a field, or there is no such VM or vCPU: the line is wrong.
      throw new LogSyntaxException(
          file, call.line(), call.columnOf(0), call.name() + ": " + e.getMessage());
    }
  }

  /**
   * Carries out a line behind the end of the program: for programs that are made up while they run.
   * What a host has is decided by the program's own lines.
   *
   * @throws LogSyntaxException if the line cannot be carried out as it stands
   */
  public @Nullable Reply next(ScenarioLine line) {
    return checked(line, program.size());
  }

  /**
   * Carries out a call in place of the program's line of this index.
   *
   * @param written the line, whose result names what the call opens
   * @throws LogSyntaxException if it cannot be carried out
   */
  public Reply carryOut(KvmCall call, LogCall written, int index) {
    try {
      return call(call, written, index);
    } catch (IllegalArgumentException e) {
      throw new LogSyntaxException(
          file, written.line(), written.columnOf(0), written.name() + ": " + e.getMessage());
    }
  }

  private @Nullable Reply step(ScenarioLine line, int index) {
    switch (line.step()) {
      case Step.Backends s -> {
        scenarioFor = s.ids();
        return CallRunner.plain(0);
      }
      case Step.On s -> {
        only = s.ids();
        return CallRunner.plain(0);
      }
      case Step.Expect _, Step.Raced _ -> {
        return null;
      }
      case Step.ActorBegins _, Step.Together _, Step.Allows _, Step.Finding _, Step.Unread _ -> {
        return CallRunner.plain(0);
      }
      default -> {
        if (!only.isEmpty() && !only.contains(technology())) {
          return null;
        }
      }
    }
    return switch (line.step()) {
      case Step.Launch s -> guests().launch(s);
      case Step.OfVm s -> guests().run(s);
      case Step.OfHost s -> {
        var _ = guests();
        yield hostSteps().run(s);
      }
      case Step.Call c -> call(c.call(), line.call(), index);
      case Step.Steering s -> throw new IllegalStateException("not carried out: " + s);
    };
  }

  private Reply call(KvmCall call, LogCall written, int index) {
    if (call instanceof KvmCall.HostSetup s && runner == null) {
      setup.apply(s.fields());
      return CallRunner.plain(0);
    }
    GuestSteps launched = guests;
    if (call instanceof KvmCall.GuestRun g
        && launched != null
        && !launched.guests().isEmpty()
        && !fds.isBound(g.fd())) {
      return launched.act(g);
    }
    CallRunner r = runner();
    List<Long> left =
        call instanceof KvmCall.Close c
            ? habits.goWithVm(fds.vcpusOf(c.fd()), program, index)
            : List.of();
    if (call instanceof KvmCall.Mmap m && sizes.at(index) > 0) {
      var _ = r.run(new KvmCall.Ftruncate(m.fd(), sizes.at(index)), null);
    }
    Reply reply = r.run(call, written.result());
    r.closeAll(left);
    return reply;
  }

  /** Returns where a vCPU stood still during the step that was carried out last; null if none. */
  public @Nullable Standstill standstill() {
    CallRunner r = runner;
    List<NoProgress> all = r == null ? List.of() : r.process().kvm().standstills();
    boolean fresh = all.size() > standstills;
    standstills = all.size();
    return fresh ? new Standstill(all.getLast()) : null;
  }

  /** Returns the id of the technology in use. */
  public String technology() {
    if (forced != null) {
      return forced;
    }
    String first = setup.first();
    if (first != null) {
      return first;
    }
    return scenarioFor.isEmpty() ? Technology.SW_PROTECTED.id() : scenarioFor.getFirst();
  }

  private GuestSteps guests() {
    GuestSteps steps = guests;
    if (steps == null) {
      if (runner == null) {
        setup.want(technology());
      }
      steps = new GuestSteps(runner().process(), technologies.require(technology()), words);
      guests = steps;
    }
    return steps;
  }

  private MisbehavingHostSteps hostSteps() {
    MisbehavingHostSteps steps = host;
    if (steps == null) {
      steps = new MisbehavingHostSteps(runner().process().kvm());
      host = steps;
    }
    return steps;
  }

  /** Returns the guests that steps launched, in the order of their numbers from 1. */
  public List<Guest> launched() {
    return guests == null ? List.of() : guests.guests();
  }

  /** Returns what the host's kernel sees of a private page of a launched VM. */
  public HostView.Seen peek(int vm, long at) {
    return guests().peek(vm, at);
  }

  /** Returns the process, which boots the host on first use. */
  public KvmProcess process() {
    return runner().process();
  }

  /** Returns the runner, which boots the host on first use. */
  CallRunner runner() {
    CallRunner r = runner;
    if (r == null) {
      r = new CallRunner(new KvmProcess(setup.boot(trace)), fds, words);
      runner = r;
    }
    return r;
  }

  /** Returns the descriptors of the log. */
  public LogDescriptors fds() {
    return fds;
  }

  /** Ends the host, and with it the process and its VMs. */
  @Override
  public void close() {
    CallRunner r = runner;
    if (r != null) {
      r.process().kvm().close();
    }
  }
}
