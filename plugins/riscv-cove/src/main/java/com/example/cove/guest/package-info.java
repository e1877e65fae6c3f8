/**
 * What a guest in a TVM does beyond loads and stores: calls of the CoVE guest extension. They are
 * plain values for {@code guest_covg(vcpu, {fn=…, gpa=…, len=…})} in a log. Nothing here knows the
 * host.
 */
@NullMarked
package com.example.cove.guest;

import org.jspecify.annotations.NullMarked;
