/**
 * Composes a model of one host from parts with Guice: the core's configuration, trace sink and
 * page-size policy, the backends, and decorators of any vendor half or guard. A user's module
 * overrides any binding; {@link dev.cocovisor.host.model.HypervisorModel} is the way in. One
 * injector makes one host: nothing is injected per VM.
 */
@NullMarked
package dev.cocovisor.host.model;

import org.jspecify.annotations.NullMarked;
