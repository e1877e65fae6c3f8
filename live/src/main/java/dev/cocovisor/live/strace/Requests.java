package dev.cocovisor.live.strace;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Requests that strace cannot tell apart: {@code SNDCTL_X or KVM_Y}. */
final class Requests {
  private static final Pattern SEVERAL = Pattern.compile("[A-Z]\\w*(?: or [A-Z]\\w*)+");
  private static final Pattern KVM = Pattern.compile("\\bKVM_\\w+");

  private Requests() {}

  /** Returns a call with one name where several stand: KVM's, or else the first. */
  static String single(String call) {
    Matcher several = SEVERAL.matcher(call);
    return several.replaceFirst(m -> {
      Matcher kvm = KVM.matcher(m.group());
      return Matcher.quoteReplacement(kvm.find() ? kvm.group() : m.group().split(" ", 2)[0]);
    });
  }
}
