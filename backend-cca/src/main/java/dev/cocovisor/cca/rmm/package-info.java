/**
 * The Realm Management Monitor: the trusted half of Arm CCA, as RMM specification 1.0 defines it
 * and TF-RMM answers. It knows granules, realms, RECs and translation tables, takes RMI calls from
 * the host and RSI calls from realms, and nothing of KVM. It can be built, driven and tested alone,
 * which is what the replay of recorded call logs does.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm;
