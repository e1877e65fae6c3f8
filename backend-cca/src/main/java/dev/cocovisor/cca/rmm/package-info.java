/**
 * The Realm Management Monitor: the trusted half of Arm CCA. It is divided by what it holds
 * (granules, pages, measurements, tables, realms, running RECs) and, above that, by the version of
 * RMI whose commands work on them; arrows only go downwards. It knows nothing of KVM and can be
 * built, driven and tested alone, which is what the replay of recorded call logs does.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm;
