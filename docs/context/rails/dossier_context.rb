# Puts the request context into every transaction that Active Record opens on PostgreSQL.
#
# Put this file into config/initializers, and into the controllers, after what authenticates:
#
#   class ApplicationController < ActionController::Base
#     before_action :authenticate_user!
#     include DossierContext::Controller
#   end
#
# For jobs and tasks: DossierContext.with(service: "nightly", initiator: "system") { … }

require "active_record"
require "active_record/connection_adapters/postgresql_adapter"
require "active_support/current_attributes"
require "active_support/concern"
require "json"

module DossierContext
  PREFIX = "dossier.context"

  # Reset by Rails after each request and job, so that a thread never carries one user's context into another's request.
  class Current < ActiveSupport::CurrentAttributes
    attribute :context
  end

  def self.with(context, &block)
    Current.set(context: context, &block)
  end

  module Controller
    extend ActiveSupport::Concern
    included { around_action :with_dossier_context }

    private

    def with_dossier_context(&block)
      context = {
        request_id: request.request_id, # Rails has checked it, or made it
        correlation_id: request.request_id,
        service: "rails",
        ip: request.remote_ip, # heeds config.action_dispatch.trusted_proxies
        user_agent: request.user_agent.to_s.scrub[0, 1024]
      }
      if (user = current_user)
        context[:user] = { id: user.id.to_s, name: user.try(:name), email: user.try(:email) }.compact
        context[:initiator] = "user"
      end
      DossierContext.with(context, &block)
    end
  end

  # Active Record sends BEGIN when a transaction first needs the database. The message follows it, outside every savepoint.
  module Transaction
    def begin_db_transaction
      super
      dossier_attach unless @dossier_isolating
    end

    # Rails before 7.1 sets the level in a statement of its own, which must come before any other.
    def begin_isolated_db_transaction(isolation)
      @dossier_isolating = true
      begin
        super
      ensure
        @dossier_isolating = false
      end
      dossier_attach
    end

    # From Rails 7.1: ROLLBACK AND CHAIN, a new transaction without BEGIN.
    def exec_restart_db_transaction
      super
      dossier_attach
    end

    private

    def dossier_attach
      context = Current.context
      return if context.nil? || preventing_writes? # a replica cannot take messages
      message = JSON.generate(context.as_json)
      execute("SELECT pg_logical_emit_message(true, #{quote(PREFIX)}::text, #{quote(message)}::text)", "Dossier context")
    rescue StandardError
      exec_rollback_db_transaction # Active Record does not know yet that a transaction is open
      raise
    end
  end
end

ActiveRecord::ConnectionAdapters::PostgreSQLAdapter.prepend(DossierContext::Transaction)
